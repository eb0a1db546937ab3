#include "text.hpp"

#include <nuncio/protocol/url.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace nuncio::protocol {
namespace {

struct scheme_row {
  std::string_view name;
  url_scheme scheme;
  std::uint16_t default_port;
};

constexpr std::array schemes{
    scheme_row{"nats", url_scheme::nats, 4222},
    scheme_row{"tls", url_scheme::tls, 4222},
    scheme_row{"ws", url_scheme::ws, 80},
    scheme_row{"wss", url_scheme::wss, 443},
};

const scheme_row* find_scheme(std::string_view name) {
  for (const auto& row : schemes) {
    if (std::equal(name.begin(), name.end(), row.name.begin(), row.name.end(), [](char a, char b) {
          return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
        })) {
      return &row;
    }
  }
  return nullptr;
}

/// What `text` may be called in an error: without user info, which is a secret.
std::string shown(std::string_view text) {
  const auto scheme_end = text.find("://");
  const auto start = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
  const auto at = text.rfind('@');
  if (at == std::string_view::npos || at < start) return '"' + std::string(text) + '"';
  return '"' + std::string(text.substr(0, start)) + "…" + std::string(text.substr(at)) + '"';
}

bool read_user_info(std::string_view info, server_url& url) {
  const auto colon = info.find(':');
  const auto first = percent_decode(info.substr(0, colon));
  if (!first) return false;
  if (colon == std::string_view::npos) {
    url.token = *first;
    return true;
  }
  const auto second = percent_decode(info.substr(colon + 1));
  if (!second) return false;
  url.user = *first;
  url.pass = *second;
  return true;
}

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  return failed == std::errc{} && end == text.data() + text.size() && port != 0;
}

/// Reads `host[:port]`; says what is wrong, or nothing.
std::string_view read_address(std::string_view text, server_url& url) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return "expected ] after the IPv6 address";
    url.host = text.substr(1, close - 1);
    const auto behind = text.substr(close + 1);
    if (!behind.empty() && behind.front() != ':') return "expected : and a port after ]";
    if (!behind.empty()) port = behind;
    if (url.host.find(':') == std::string::npos) return "expected an IPv6 address in the brackets";
  } else {
    const auto colon = text.find(':');
    if (colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos) {
      return "expected an IPv6 address in brackets, such as [::1]:4222";
    }
    url.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
  }
  if (url.host.empty()) return "expected a host name or address";
  if (url.host.find_first_of(" \t\r\n/@[]<>\"\\^`{}|?#") != std::string::npos) {
    return "the host name holds a character that none can hold";
  }
  if (!port.empty() && !read_port(port.substr(1), url.port)) {
    return "expected a port from 1 to 65535";
  }
  return {};
}

}  // namespace

std::string_view to_string(url_scheme scheme) noexcept {
  for (const auto& row : schemes) {
    if (row.scheme == scheme) return row.name;
  }
  return {};
}

std::string address(const server_url& url) {
  const bool is_ipv6 = url.host.find(':') != std::string::npos;
  std::string out = is_ipv6 ? '[' + url.host + ']' : url.host;
  return out + ':' + std::to_string(url.port);
}

std::optional<server_url> parse_url(std::string_view text, std::string& error) {
  const auto whole = trim(text, " \t\r\n");
  const auto fail = [&](std::string_view why) {
    error = "server URL " + shown(whole) + ": " + std::string(why);
    return std::nullopt;
  };
  if (whole.empty()) return fail("expected nats://host:port");

  server_url url;
  auto rest = whole;
  if (const auto end = rest.find("://"); end != std::string_view::npos) {
    const auto* row = find_scheme(rest.substr(0, end));
    if (row == nullptr) return fail("expected nats://, tls://, ws:// or wss://");
    url.scheme = row->scheme;
    url.port = row->default_port;
    rest.remove_prefix(end + 3);
  }

  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    const auto path = rest.substr(slash);
    const bool is_websocket = url.scheme == url_scheme::ws || url.scheme == url_scheme::wss;
    if (!is_websocket && path != "/") {
      return fail("a path is for ws:// and wss:// only; a / in a password is written %2F");
    }
    if (is_websocket) url.path = path;
    rest = rest.substr(0, slash);
  }
  // A password may hold an @, so the last one counts.
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    if (!read_user_info(rest.substr(0, at), url)) {
      return fail("expected two hex digits after % in the user info");
    }
    rest.remove_prefix(at + 1);
  }
  if (const auto why = read_address(rest, url); !why.empty()) return fail(why);
  return url;
}

std::optional<std::vector<server_url>> parse_url_list(std::string_view text, std::string& error) {
  std::vector<server_url> urls;
  while (true) {
    const auto comma = text.find(',');
    auto url = parse_url(text.substr(0, comma), error);
    if (!url) return std::nullopt;
    urls.push_back(*std::move(url));
    if (comma == std::string_view::npos) return urls;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace nuncio::protocol
