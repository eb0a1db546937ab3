#pragma once

#include <string>
#include <string_view>

/// `--signal`: sends a signal to another nuncio-server.
/// Source: nats-server 2.15.2, server/signal.go.
namespace nuncio::server::daemon {

/// What came of it.
struct signal_result {
  std::string failure;  ///< empty: it was sent; else a sentence without a line end
};

/// `what` is `stop`, `quit`, `term`, `reopen`, `reload` or `ldm`, perhaps with `=` and whom: a
/// process id, a file that holds one, or the beginning of ids and `*` for all of them. Without that
/// it is the only running process whose program has the same name as `program`.
[[nodiscard]] signal_result send_signal(std::string_view what, std::string_view program);

}  // namespace nuncio::server::daemon
