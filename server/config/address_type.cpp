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

std::optional<syslog_address> to_syslog_address(std::string_view url) {
  constexpr std::string_view udp = "udp://";
  constexpr std::string_view tcp = "tcp://";
  syslog_address out;
  out.is_tcp = url.starts_with(tcp);
  if (!out.is_tcp && !url.starts_with(udp)) return std::nullopt;
  url.remove_prefix(udp.size());
  const auto colon = url.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = url.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  out.host = host;
  out.port = url.substr(colon + 1);
  if (out.host.empty() || out.port.empty()) return std::nullopt;
  int number = 0;
  const auto* const end = out.port.data() + out.port.size();
  const auto [at, failed] = std::from_chars(out.port.data(), end, number);
  const bool is_number = out.port.find_first_not_of("0123456789") == std::string::npos;
  if (is_number && (failed != std::errc{} || number < 1 || number > highest_port)) {
    return std::nullopt;
  }
  return out;
}

text_type host_name() {
  text_type out;
  out.expected = "a host name or address";
  out.may_have_blanks = false;
  return out;
}

}  // namespace nuncio::server::config
