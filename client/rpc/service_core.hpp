#pragma once

#include "runtime.hpp"

#include <nuncio/protocol/service.hpp>
#include <nuncio/rpc/service.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::rpc {

class service_core;

/// An endpoint, its counters and what bounds it.
struct endpoint_state {
  protocol::endpoint_stats stats;
  protocol::service_metadata metadata;
  std::shared_ptr<detail::handler> handler;
  content_type type = content_type::msgpack;  ///< of requests that don't say
  std::size_t max_concurrent = 0;
  std::size_t max_per_caller = 0;
  std::size_t running = 0;
  std::vector<client::subscription> subscriptions;

  void note_failure(const status& why) {
    ++stats.errors;
    stats.last_error = std::to_string(protocol::to_number(why.code)) + ':' + why.text;
  }
};

/// In the list of what a service has to stop.
class running_call : public boost::intrusive::list_base_hook<
                         boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// The service stops.
  virtual void stop() = 0;

 protected:
  ~running_call() = default;
};

/// A unary or one-way call that is being served.
///
/// It ends once: by its handler, or before that by its caller, its deadline or the connection; what
/// the handler says then is not sent any more.
class served_unary final : public detail::served_call,
                           public bound_call,
                           public running_call,
                           public std::enable_shared_from_this<served_unary> {
 public:
  served_unary(std::shared_ptr<service_core> home, std::shared_ptr<endpoint_state> endpoint);
  served_unary(const served_unary&) = delete;
  served_unary& operator=(const served_unary&) = delete;
  virtual ~served_unary();

  /// `type` is that of the payload.
  void begin(const message_view& m, const reading& said, content_type type, time now);
  /// False: an interceptor has refused it, and it is over.
  bool is_let_in();
  /// Its handler still runs: the deadline and the caller's control begin to matter.
  void watch(time now);
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }

  using detail::served_call::fail;
  void succeed(std::string_view payload, content_type type) override;
  void fail(status why) override;

  // By its entry in the table of controlled calls.
  std::optional<time> on_control(const message_view& m, time now);
  std::optional<time> on_time(time now);
  void on_lost(std::string& farewell) override;
  /// Nobody wants it any more.
  void abandon();
  void stop() override;

 private:
  void fail_unexpectedly(std::string_view text) override;
  /// What kept the reply from being sent.
  std::optional<status> reply(std::string_view header_block, std::string_view payload);
  void finish(const status* failure = nullptr);
  [[nodiscard]] call_facts facts();
  void accept(time now);
  [[nodiscard]] std::optional<time> next_time() const;

  std::shared_ptr<service_core> home_;
  std::shared_ptr<endpoint_state> endpoint_;
  std::string reply_;  // empty: one-way
  time started_;
  std::optional<time> accept_at_;
  std::optional<client::timed_mux::token> controlled_;
  bool takes_accept_ = false;
  bool is_accepted_ = false;
  bool is_over_ = false;
  bool is_watched_ = false;  // by interceptors
};

/// A service as its connection holds it.
class service_core final : public std::enable_shared_from_this<service_core> {
 public:
  service_core(std::shared_ptr<client::driver> by, service_options set);
  service_core(const service_core&) = delete;
  service_core& operator=(const service_core&) = delete;
  ~service_core() = default;

  void start();
  void add(std::string_view name,
           std::shared_ptr<detail::handler> handler,
           const endpoint_options& set,
           content_type preferred);
  void drain(service::handler done);
  void stop();
  void reset();

  [[nodiscard]] const std::string& id() const noexcept { return identity_.id; }
  [[nodiscard]] protocol::service_stats stats() const;

  // For its calls.
  [[nodiscard]] client::driver& home() noexcept { return *home_; }
  [[nodiscard]] client::timed_mux& controls() noexcept { return *controls_; }
  [[nodiscard]] const service_options& options() const noexcept { return options_; }
  void log(std::string_view line) const;
  /// An id that callers and the log share.
  [[nodiscard]] std::string incident();
  /// The message that tells of a failure. Where it ends more than a request, `line` says so.
  [[nodiscard]] protocol::rpc_block failure(status why, const rpc_line& line = {}) const;
  /// Counts a call of the connection behind `reply`. False if it has too many.
  bool admit_caller(std::string_view reply, std::size_t limit);
  void release(std::string_view reply);
  void note_started(running_call& call) { running_.push_back(call); }

 private:
  void subscribe(const std::shared_ptr<endpoint_state>& endpoint, const std::string& subject);
  void on_request(const std::shared_ptr<endpoint_state>& endpoint, const message_view& m);
  void refuse(endpoint_state& endpoint, const message_view& m, const reading& said, status why);
  void on_control(const message_view& m);
  void on_discovery(std::string_view verb, const message_view& m);
  void look_whether_drained();

  const std::shared_ptr<client::driver> home_;
  const service_options options_;
  protocol::service_identity identity_;
  std::chrono::system_clock::time_point started_;
  std::shared_ptr<client::timed_mux> controls_;
  std::vector<std::shared_ptr<endpoint_state>> endpoints_;
  std::vector<client::subscription> subscriptions_;
  boost::unordered_flat_map<std::string, std::size_t> callers_;
  boost::intrusive::list<running_call, boost::intrusive::constant_time_size<false>> running_;
  std::uint64_t incidents_ = 0;
  std::vector<service::handler> draining_;
  bool is_stopped_ = false;
};

}  // namespace nuncio::rpc
