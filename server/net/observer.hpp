#pragma once

namespace nuncio::server {

class connection;
struct connection_view;

/// Is told what happens to connections. Null in the node while nobody wants to know.
///
/// Thread safety: called by any shard, which it must not hold up.
class observer {
 public:
  observer() = default;
  observer(const observer&) = delete;
  observer& operator=(const observer&) = delete;
  virtual ~observer() = default;

  /// It is over: `last` has when and why, and still has its subscriptions.
  virtual void on_closed(connection_view last) = 0;
};

}  // namespace nuncio::server
