#include "address_type.hpp"

#include <charconv>
#include <string_view>
#include <system_error>

namespace nuncio::server::config {
namespace {

constexpr int free_port = -1;
constexpr int highest_port = 65535;

}  // namespace

integer_type port_number() {
  return {"port", "a port from 1 to 65535, or -1 for any free one", free_port, highest_port};
}

std::optional<address> to_address(const value& found) {
  address out;
  std::string_view text = found.text;
  if (found.what == kind::text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto host = text.substr(0, colon);
    text.remove_prefix(colon + 1);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
      host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
      return std::nullopt;  // IPv6 without brackets: which colon is the port's?
    }
    out.host = host;
  } else if (found.what != kind::integer) {
    return std::nullopt;
  }
  const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), out.port);
  if (failed != std::errc{} || at != text.data() + text.size()) return std::nullopt;
  if (out.port < free_port || out.port > highest_port) return std::nullopt;
  return out;
}

text_type host_name() {
  text_type out;
  out.expected = "a host name or address";
  out.may_have_blanks = false;
  return out;
}

}  // namespace nuncio::server::config
