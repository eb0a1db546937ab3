// Any bytes as the request of an upgrade, with options that the first byte chooses. An answer is
// well-formed HTTP with the lines that belong there and no others, and says either that it goes on
// or why it doesn't. Where the bytes end isn't in doubt.

#include "net/websocket_upgrade.hpp"
#include "require.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

using namespace nuncio::server;

namespace {

constexpr std::array<std::string_view, 7> lines_of_101{
    "Upgrade: websocket",
    "Connection: upgrade",
    "Server: nuncio",
    "X-Own: value",
    "Nats-No-Masking: true",
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
    "client_no_context_takeover",
    "Sec-WebSocket-Accept: "};
constexpr std::array<std::string_view, 4> lines_of_refusal{
    "Content-Type: text/plain; charset=utf-8", "Sec-Websocket-Version: 13", "Connection: close",
    "Content-Length: "};

bool is_base64(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '/' || c == '=';
  });
}

// Each of the lines that may be there, at most once; of two of them the value varies.
template <std::size_t Count>
void check_line(std::string_view line,
                const std::array<std::string_view, Count>& allowed,
                std::array<bool, Count>& seen) {
  for (std::size_t i = 0; i < Count; ++i) {
    const bool varies = allowed[i].ends_with(": ");
    if (varies ? !line.starts_with(allowed[i]) : line != allowed[i]) continue;
    NUNCIO_FUZZ_REQUIRE(!seen[i]);
    NUNCIO_FUZZ_REQUIRE(!varies || is_base64(line.substr(allowed[i].size())));
    seen[i] = true;
    return;
  }
  const bool belongs_there = false;
  NUNCIO_FUZZ_REQUIRE(belongs_there);
}

void check_answer(const websocket_upgrade& found) {
  std::string_view answer = found.answer;
  const auto end = answer.find("\r\n\r\n");
  NUNCIO_FUZZ_REQUIRE(end != std::string_view::npos);
  const auto body = answer.substr(end + 4);
  answer = answer.substr(0, end);
  const auto first = answer.substr(0, answer.find("\r\n"));
  const bool goes_on = found.refusal.empty();
  NUNCIO_FUZZ_REQUIRE(first.starts_with(goes_on ? "HTTP/1.1 101 " : "HTTP/1.1 4"));
  NUNCIO_FUZZ_REQUIRE(goes_on == body.empty());
  std::array<bool, lines_of_101.size()> seen{};
  std::array<bool, lines_of_refusal.size()> refused{};
  for (auto left = answer.substr(first.size()); !left.empty();) {
    left.remove_prefix(2);
    const auto line = left.substr(0, left.find("\r\n"));
    left.remove_prefix(line.size());
    if (goes_on) {
      check_line(line, lines_of_101, seen);
    } else {
      check_line(line, lines_of_refusal, refused);
    }
  }
  if (!goes_on) {
    NUNCIO_FUZZ_REQUIRE(std::all_of(refused.begin(), refused.end(), [](bool it) { return it; }));
    NUNCIO_FUZZ_REQUIRE(answer.ends_with(": " + std::to_string(body.size())));
    NUNCIO_FUZZ_REQUIRE(found.who == nullptr && found.forwarded_for.empty());
    return;
  }
  NUNCIO_FUZZ_REQUIRE(seen[0] && seen[1] && seen[2] && seen[6]);
  NUNCIO_FUZZ_REQUIRE(seen[4] == !found.masks);
  NUNCIO_FUZZ_REQUIRE(seen[5] == found.compresses);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static boost::asio::io_context loop;
  const unsigned choice = data[0];
  auto text = nuncio::fuzz::text(data + 1, size - 1);
  websocket_options options;
  options.compression = (choice & 1) != 0;
  options.same_origin = (choice & 2) != 0;
  if ((choice & 4) != 0) options.allowed_origins = {"http://example.com", "https://[::1]:8443"};
  if ((choice & 8) != 0) options.headers = {{"X-Own", "value"}};
  if ((choice & 16) != 0) options.user_cookie = "user";
  if ((choice & 32) != 0) options.pass_cookie = "pass";
  if ((choice & 64) != 0) options.tls.emplace();

  // However it arrives, it ends at one place.
  const auto end = end_of_upgrade(text);
  if (end == 0) return 0;
  NUNCIO_FUZZ_REQUIRE(end_of_upgrade(text.substr(0, end - 1)) == 0);
  NUNCIO_FUZZ_REQUIRE(end_of_upgrade(text.substr(0, end)) == end);
  text = text.substr(0, end);

  const auto found = answer_upgrade(text, options, loop);
  check_answer(found);
  if (found.who != nullptr) {
    NUNCIO_FUZZ_REQUIRE((choice & 48) != 0 && found.who->token.empty());
    NUNCIO_FUZZ_REQUIRE(found.who->user.find_first_of("\r\n;") == std::string::npos);
  }
  if (!found.forwarded_for.empty()) {
    boost::system::error_code failure;
    boost::asio::ip::make_address(found.forwarded_for, failure);
    NUNCIO_FUZZ_REQUIRE(!failure);
  }
  // What goes to the log stays on its line.
  for (const char c : found.refusal) NUNCIO_FUZZ_REQUIRE(c != '\r' && c != '\n');
  return 0;
}
