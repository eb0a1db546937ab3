#include <nuncio/client/options.hpp>

namespace nuncio::client {

std::string_view to_string(status::kind what) noexcept {
  switch (what) {
    case status::kind::connected:
      return "connected";
    case status::kind::disconnected:
      return "disconnected";
    case status::kind::reconnected:
      return "reconnected";
    case status::kind::servers:
      return "servers";
    case status::kind::lame_duck:
      return "lame_duck";
    case status::kind::moved:
      return "moved";
    case status::kind::error:
      return "error";
    case status::kind::slow_consumer:
      return "slow_consumer";
    case status::kind::closed:
      return "closed";
  }
  return "unknown";
}

}  // namespace nuncio::client
