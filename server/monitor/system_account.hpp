#pragma once

#include "net/observer.hpp"
#include "net/rate_limited.hpp"
#include "pages.hpp"
#include "system_requests.hpp"
#include "turnstile.hpp"

#include <nuncio/protocol/nuid.hpp>
#include <nuncio/server/views.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::server::monitor {

/// Answers what clients ask of the server by messages, tells the system account what happens, and
/// whoever traces a message where it went.
/// Nothing is made that nobody would hear.
///
/// Thread: as said at each; the monitor's is that of `io`.
class system_account {
 public:
  /// Loads the configuration anew: see request_sources.
  using reload_handler = std::function<void(std::function<void(std::string)>)>;

  /// `wake` starts the monitor's thread if it doesn't run; any thread. All outlive this.
  system_account(const sources& from, boost::asio::io_context& io, std::function<void()> wake);
  system_account(const system_account&) = delete;
  system_account& operator=(const system_account&) = delete;
  ~system_account() = default;

  /// Before the shards run.
  void set_reload(reload_handler by) { reload_ = std::move(by); }
  /// Before the shards run: accounts are known now.
  void open();
  /// The monitor's thread has begun. There.
  void begin();

  // On any shard.

  void on_request(system_request asked);
  void on_opened(const connection& which, const account* before);
  void on_closed(const connection_view& last, const account& its);
  void on_traced(message_trace what);

  // Any thread but the shards'.

  void tell_lame_duck();
  /// Nothing if lame duck was told.
  void tell_shutdown();

 private:
  [[nodiscard]] bool is_heard(const account& in, std::string_view subject) const;
  [[nodiscard]] bool is_heard_of(const account& which) const;
  [[nodiscard]] bool has_room(std::atomic<std::uint32_t>& taken,
                              std::uint32_t most,
                              std::uint32_t wanted = 1);
  template <class Work>
  bool post(Work work);
  void note_lost();
  [[nodiscard]] boost::json::object next_server();
  void begin_answer(const std::shared_ptr<const system_request>& asked);
  void answer(const system_request& asked, const std::string& text) const;
  [[nodiscard]] std::string statsz_subject() const;
  void publish(const account& in,
               std::string subject,
               std::string body,
               std::uint32_t header_size = 0) const;
  void tell(std::string subject, const boost::json::object& what) const;
  void note_connections(const account& which);
  void tell_connections(const std::string& name, const boost::json::object& statistics);
  void arm_statsz();
  void arm_connections();

  const sources& from_;
  boost::asio::io_context& io_;
  const std::function<void()> wake_;
  reload_handler reload_;
  account* system_ = nullptr;  // null: there is none
  account* global_ = nullptr;
  std::atomic<std::uint64_t> sequence_{0};
  std::atomic<bool> was_lame_duck_{false};
  std::atomic<std::uint32_t> under_way_{0};  // from shards to the monitor's thread
  std::atomic<std::uint32_t> asked_{0};      // requests, until they are answered
  std::atomic<std::uint32_t> traced_{0};     // deliveries that are to be told
  std::atomic<std::uint64_t> lost_{0};
  rate_limited lost_notice_;

  // The monitor's thread.
  protocol::nuid ids_;
  turnstile turns_;
  request_sources answers_;
  std::chrono::milliseconds statsz_pause_;
  boost::asio::steady_timer statsz_timer_;
  boost::asio::steady_timer connections_timer_;
};

}  // namespace nuncio::server::monitor
