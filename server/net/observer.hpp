#pragma once

#include <string>
#include <string_view>

namespace nuncio::server {

class connection;
struct account;
struct connection_view;
struct message_trace;

/// A request that tells who has sent it.
inline constexpr std::string_view user_info_subject = "$SYS.REQ.USER.INFO";

/// A message to the server itself, copied.
struct system_request {
  std::string subject;
  std::string reply;  ///< empty: no answer is wanted
  std::string payload;
  const account* from = nullptr;  ///< where it was published, and where the answer goes
  std::string user;               ///< role::user_info(), if that is asked for
};

/// Is told what happens to connections, and what clients ask of the server. Null in the node while
/// nobody wants to know.
///
/// Thread safety: called by any shard, which it must not hold up.
class observer {
 public:
  observer() = default;
  observer(const observer&) = delete;
  observer& operator=(const observer&) = delete;
  virtual ~observer() = default;

  /// Does anybody want to know what has ended?
  [[nodiscard]] virtual bool wants_closed() const noexcept = 0;
  /// It has turned out who it is. `before`: the account that it has left for this one, or null.
  virtual void on_opened(const connection& which, const account* before) = 0;
  /// It is over, and its account knows: `last` has when and why, and still has its subscriptions.
  virtual void on_closed(connection_view last, const account& its) = 0;
  /// A message was delivered, or not, and whoever wanted to know is to be told.
  virtual void on_traced(message_trace what) = 0;
  /// Somebody has asked the server.
  virtual void on_request(system_request asked) = 0;
};

}  // namespace nuncio::server
