// The only file of the server that includes Beast, which takes its time to compile.
#include "websocket_upgrade.hpp"

#include "core/same_text.hpp"

#include <nuncio/protocol/base64.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace nuncio::server {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;

namespace {

using request = http::request<http::empty_body>;
using boost::system::error_code;

constexpr std::string_view no_masking = "Nats-No-Masking";
constexpr std::string_view forwarded = "X-Forwarded-For";
constexpr std::string_view deflate = "permessage-deflate";
// Whatever was offered, as the reference answers: each message on its own.
constexpr std::string_view agreed_deflate =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
constexpr std::string_view version = "13";
constexpr std::size_t key_size = 16;

// A stream that Beast writes its answer to.
class kept_answer {
 public:
  using executor_type = asio::io_context::executor_type;

  explicit kept_answer(asio::io_context& loop) : loop_(loop) {}

  [[nodiscard]] executor_type get_executor() const { return loop_.get_executor(); }
  [[nodiscard]] std::string take() { return std::move(text_); }

  template <class Buffers>
  std::size_t write_some(const Buffers& from, error_code& failure) {
    failure = {};
    text_ += beast::buffers_to_string(from);
    return asio::buffer_size(from);
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& from) {
    error_code ignored;
    return write_some(from, ignored);
  }
  template <class Buffers>
  std::size_t read_some(const Buffers&, error_code& failure) {
    failure = asio::error::eof;
    return 0;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers&) {
    return 0;
  }

 private:
  asio::io_context& loop_;
  std::string text_;
};

[[maybe_unused]] void teardown(beast::role_type, kept_answer&, error_code&) {}

std::string_view view(beast::string_view text) noexcept {
  return {text.data(), text.size()};
}

std::string_view field(const request& of, std::string_view name) {
  return view(of[beast::string_view(name.data(), name.size())]);
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

struct place {
  std::string_view host;
  std::string_view port;

  friend bool operator==(const place& a, const place& b) {
    return same_text(a.host, b.host) && a.port == b.port;
  }
};

// `host` or `host:port`; IPv6 with brackets.
std::optional<place> place_of(std::string_view text, bool is_secure) noexcept {
  place out{text, is_secure ? "443" : "80"};
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && text.find(']', colon) == std::string_view::npos) {
    out = {text.substr(0, colon), text.substr(colon + 1)};
    const bool is_number = out.port.find_first_not_of("0123456789") == std::string_view::npos;
    if (!is_number || out.port.empty() || out.port.size() > 5) return std::nullopt;
  }
  const bool is_bracketed = out.host.starts_with('[') && out.host.ends_with(']');
  const bool has_colon = out.host.find(':') != std::string_view::npos;
  if (out.host.empty() || has_colon != is_bracketed) return std::nullopt;
  return out;
}

struct origin {
  std::string_view scheme;
  place at;
};

std::optional<origin> origin_of(std::string_view text) noexcept {
  const auto end = text.find("://");
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const auto scheme = text.substr(0, end);
  text.remove_prefix(end + 3);
  if (text.find_first_of("/?#@ ") != std::string_view::npos) return std::nullopt;
  const auto at = place_of(text, same_text(scheme, "https"));
  if (!at) return std::nullopt;
  return origin{scheme, *at};
}

// Why a page from there may not connect; empty: it may. Who names no origin is no browser.
std::string_view objection(const request& of, const websocket_options& options) {
  if (!options.same_origin && options.allowed_origins.empty()) return {};
  auto text = field(of, "Origin");
  if (text.empty()) text = field(of, "Sec-WebSocket-Origin");
  if (text.empty()) return {};
  const auto from = origin_of(text);
  if (!from) return "malformed";
  if (options.same_origin) {
    const bool is_secure = options.tls.has_value();
    const auto here = place_of(field(of, "Host"), is_secure);
    const bool is_same =
        here && *here == from->at && same_text(from->scheme, is_secure ? "https" : "http");
    if (!is_same) return "not same origin";
  }
  const auto& allowed = options.allowed_origins;
  const bool is_listed = std::any_of(allowed.begin(), allowed.end(), [&](const auto& each) {
    const auto one = origin_of(each);
    return one && same_text(one->scheme, from->scheme) && one->at == from->at;
  });
  return allowed.empty() || is_listed ? std::string_view{} : "not in the allowed list";
}

bool offers_deflate(const request& of) {
  const http::ext_list offered(of[http::field::sec_websocket_extensions]);
  return std::any_of(offered.begin(), offered.end(),
                     [](const auto& each) { return same_text(view(each.first), deflate); });
}

// `a=b; c="d"`
std::string cookie(const request& of, const std::string& name) {
  if (name.empty()) return {};
  auto left = field(of, "Cookie");
  while (!left.empty()) {
    const auto end = std::min(left.find(';'), left.size());
    const auto one = trimmed(left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
    const auto equals = one.find('=');
    if (equals == std::string_view::npos || one.substr(0, equals) != name) continue;
    auto value = one.substr(equals + 1);
    if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) {
      value = value.substr(1, value.size() - 2);
    }
    return std::string(value);
  }
  return {};
}

std::unique_ptr<websocket_cookies> cookies(const request& of, const websocket_options& options) {
  websocket_cookies out{cookie(of, options.user_cookie), cookie(of, options.pass_cookie),
                        cookie(of, options.token_cookie)};
  if (out.user.empty() && out.password.empty() && out.token.empty()) return nullptr;
  return std::make_unique<websocket_cookies>(std::move(out));
}

// The first of those that proxies have named, if it is one.
std::string forwarded_for(const request& of) {
  auto text = field(of, forwarded);
  text = trimmed(text.substr(0, text.find(',')));
  error_code failure;
  const auto address = asio::ip::make_address(std::string(text), failure);
  return failure ? std::string() : address.to_string();
}

std::string refusal_text(http::status status) {
  const std::string reason(view(http::obsolete_reason(status)));
  const auto code = std::to_string(static_cast<unsigned>(status));
  return "HTTP/1.1 " + code + " " + reason +
         "\r\nContent-Type: text/plain; charset=utf-8\r\nSec-Websocket-Version: 13\r\n"
         "Connection: close\r\nContent-Length: " +
         std::to_string(reason.size() + 1) + "\r\n\r\n" + reason + "\n";
}

websocket_upgrade refuse(http::status status, std::string why) {
  websocket_upgrade out;
  out.answer = refusal_text(status);
  out.refusal = std::move(why);
  return out;
}

websocket_upgrade refuse(std::string why) {
  return refuse(http::status::bad_request, std::move(why));
}

// Why not; nothing: it is a request as it should be.
std::optional<websocket_upgrade> look_at(const request& of, const websocket_options& options) {
  if (of.method() != http::verb::get) {
    return refuse(http::status::method_not_allowed, "request method must be GET");
  }
  if (field(of, "Host").empty()) return refuse("no header 'Host'");
  if (!http::token_list(of[http::field::upgrade]).exists("websocket")) {
    return refuse("invalid value for header 'Upgrade'");
  }
  if (!http::token_list(of[http::field::connection]).exists("upgrade")) {
    return refuse("invalid value for header 'Connection'");
  }
  const auto key = field(of, "Sec-WebSocket-Key");
  if (key.empty()) return refuse("key missing");
  if (field(of, "Sec-WebSocket-Version") != version) return refuse("invalid version");
  if (const auto wrong = objection(of, options); !wrong.empty()) {
    return refuse(http::status::forbidden, "origin not allowed: " + std::string(wrong));
  }
  const auto path = view(of.target()).substr(0, view(of.target()).find('?'));
  if (path.ends_with("/leafnode") || path.ends_with("/mqtt")) {
    return refuse(http::status::not_found, "nothing is offered at " + std::string(path));
  }
  const auto bytes = protocol::from_base64(key);
  if (!bytes || bytes->size() != key_size) return refuse("invalid websocket key");
  return std::nullopt;
}

void complete(websocket::response_type& answer,
              const websocket_upgrade& agreed,
              const websocket_options& options) {
  const auto set = [&answer](std::string_view name, std::string_view value) {
    answer.set(beast::string_view(name.data(), name.size()),
               beast::string_view(value.data(), value.size()));
  };
  set("Server", "nuncio");
  if (agreed.compresses) set("Sec-WebSocket-Extensions", agreed_deflate);
  if (!agreed.masks) set(no_masking, "true");
  for (const auto& [name, value] : options.headers) set(name, value);
}

// Browsers want small frames, which Safari doesn't take if they are compressed.
void note_browser(const request& of, websocket_upgrade& in) {
  const auto agent = field(of, "User-Agent");
  in.wants_small = agent.starts_with("Mozilla/");
  const bool is_safari = agent.find("Safari/") != std::string_view::npos &&
                         agent.find("Version/") != std::string_view::npos;
  in.splits_compressed = !is_safari;
}

}  // namespace

bool is_origin(std::string_view text) noexcept {
  return origin_of(text).has_value();
}

bool is_websocket_header(std::string_view name, std::string_view value) noexcept {
  constexpr std::array<std::string_view, 6> ours{"Upgrade",
                                                 "Connection",
                                                 "Sec-WebSocket-Accept",
                                                 "Sec-WebSocket-Extensions",
                                                 "Sec-WebSocket-Protocol",
                                                 no_masking};
  constexpr std::string_view beside_letters = "!#$%&'*+-.^_`|~";
  const auto is_token = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           beside_letters.find(c) != std::string_view::npos;
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), is_token) &&
         std::none_of(ours.begin(), ours.end(), [&](auto each) { return same_text(each, name); }) &&
         std::none_of(value.begin(), value.end(),
                      [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; });
}

std::size_t end_of_upgrade(std::string_view received) noexcept {
  constexpr std::string_view end = "\r\n\r\n";
  const auto at = received.find(end);
  return at == std::string_view::npos ? 0 : at + end.size();
}

websocket_upgrade answer_upgrade(std::string_view text,
                                 const websocket_options& options,
                                 asio::io_context& loop) {
  http::request_parser<http::empty_body> parser;
  parser.header_limit(longest_upgrade);
  error_code failure;
  parser.put(asio::buffer(text.data(), text.size()), failure);
  if (failure) return refuse("not HTTP: " + failure.message());
  const request& asked = parser.get();
  if (auto refused = look_at(asked, options)) return std::move(*refused);

  websocket_upgrade out;
  out.compresses = options.compression && offers_deflate(asked);
  out.masks = !same_text(field(asked, no_masking), "true");
  out.forwarded_for = forwarded_for(asked);
  out.who = cookies(asked, options);
  note_browser(asked, out);

  websocket::stream<kept_answer, false> stream(loop);  // false: no compression of Beast's
  stream.set_option(websocket::stream_base::decorator(
      [&](websocket::response_type& answer) { complete(answer, out, options); }));
  stream.accept(asked, failure);
  if (failure) return refuse(failure.message());
  out.answer = stream.next_layer().take();
  return out;
}

}  // namespace nuncio::server
