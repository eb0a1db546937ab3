#pragma once

#include "admitted_call.hpp"

#include <nuncio/protocol/service.hpp>
#include <nuncio/rpc/service.hpp>

#include <boost/container_hash/hash.hpp>
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

/// Behind a service import, where replies are rewritten and, by default, one message passes.
[[nodiscard]] inline bool is_imported(std::string_view reply) noexcept {
  return reply.starts_with("_R_.");
}

/// An endpoint, its counters and what bounds it.
struct endpoint_state {
  protocol::endpoint_stats stats;
  protocol::service_metadata metadata;
  std::shared_ptr<detail::handler> handler;
  rpc_frame kind = rpc_frame::none;           ///< what opens its calls
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

/// Lets a table of texts be asked for a view.
struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return boost::hash<std::string_view>()(text);
  }
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
           content_type preferred,
           rpc_frame kind);
  void drain(service::handler done);
  void stop();
  void reset();

  [[nodiscard]] const std::string& id() const noexcept { return identity_.id; }
  [[nodiscard]] protocol::service_stats stats() const;

  // For its calls.
  [[nodiscard]] client::driver& home() noexcept { return *home_; }
  [[nodiscard]] const std::shared_ptr<client::driver>& driver() const noexcept { return home_; }
  [[nodiscard]] client::timed_mux& controls() noexcept { return controls_.calls(); }
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
  [[nodiscard]] std::optional<status> objection(const endpoint_state& endpoint,
                                                const message_view& m,
                                                const reading& said) const;
  void on_request(const std::shared_ptr<endpoint_state>& endpoint, const message_view& m);
  void refuse(endpoint_state& endpoint, const message_view& m, const reading& said, status why);
  [[nodiscard]] std::string name_controls();
  void on_stray_control(const message_view& m);
  void on_discovery(std::string_view verb, const message_view& m);
  void look_whether_drained();

  const std::shared_ptr<client::driver> home_;
  const service_options options_;
  protocol::service_identity identity_;
  std::chrono::system_clock::time_point started_;
  std::uint64_t moves_ = 0;  // of the name of what follows
  client::inbox controls_;
  std::vector<std::shared_ptr<endpoint_state>> endpoints_;
  std::vector<client::subscription> subscriptions_;
  boost::unordered_flat_map<std::string, std::size_t, text_hash, std::equal_to<>> callers_;
  boost::intrusive::list<running_call, boost::intrusive::constant_time_size<false>> running_;
  std::uint64_t incidents_ = 0;
  std::vector<service::handler> draining_;
  bool is_stopped_ = false;
};

}  // namespace nuncio::rpc
