#pragma once

#include "core/router.hpp"
#include "trace_wish.hpp"

#include <nuncio/server/views.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server {

struct account;

/// What became of a message whose publisher, or whose account, wants to be told.
struct message_trace {
  /// Somebody whom it was for.
  struct receiver {
    wall_time at;
    std::uint64_t cid = 0;
    std::string name;
    std::string subject;  ///< that it subscribed to
    std::string queue;
    std::optional<miss> missed;  ///< none: it was delivered
  };
  struct mapping {
    wall_time at;
    std::string to;
  };

  std::string destination;  ///< where this is told
  trace_encoding encoding = trace_encoding::unsaid;
  wall_time at;  ///< when it came in
  const account* in = nullptr;
  std::uint64_t cid = 0;  ///< of the publisher
  std::string name;
  std::string subject;  ///< where it was published
  std::string headers;  ///< the whole block
  std::size_t size = 0;
  std::string refusal;            ///< why it wasn't taken; empty: it was
  std::optional<mapping> mapped;  ///< to another subject
  std::vector<receiver> receivers;
};

/// How deliver() goes about it when it is to be told afterwards. `is_dry`: nobody is sent the
/// message, and no limit comes nearer.
class watched {
 public:
  watched(message_trace& into, bool is_dry) noexcept : into_(&into), is_dry_(is_dry) {}

  bool admit(const target& t, bool& last) const;
  void note(const target& t, miss why) const;
  void note(const subscription& sub, std::optional<miss> why) const;

 private:
  message_trace* into_;
  bool is_dry_;
};

}  // namespace nuncio::server
