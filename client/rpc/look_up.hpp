#pragma once

#include "runtime.hpp"
#include "service_directory.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

/// Asks the instances of a service where its endpoints listen, once for all calls that want to
/// know, and keeps the answers until nobody listens there any more.
///
/// Thread: the connection's executor.
class look_up final : public std::enable_shared_from_this<look_up> {
 public:
  using time = client::mux_call::time;

  look_up(client::driver& home, const std::string& service);

  /// The subject to call; nothing: that which follows from the names.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view endpoint) const {
    return directory_.find(endpoint);
  }
  /// Nobody listens on `tried`: another subject, if one is known.
  [[nodiscard]] std::optional<std::string_view> find_instead(std::string_view endpoint,
                                                             std::string_view tried);
  /// Wakes `call` by on_opened() when something is heard, or nothing more will be; asks first if
  /// nobody has and `may_ask`. False if there is nothing to wait for.
  bool wait(waiting_call& call, bool may_ask, time now);

 private:
  friend class info_request;
  void on_info(std::string_view answer);
  void on_end(bool was_answered, time now);
  void wake();

  client::driver& home_;
  const std::string service_;
  service_directory directory_;
  boost::intrusive::list<waiting_call, boost::intrusive::constant_time_size<false>> waiting_;
  std::optional<time> answered_;  // when the last answers were complete
  bool is_asking_ = false;
};

}  // namespace nuncio::rpc
