#include "json_formatter.hpp"

#include <nuncio/protocol/utf8.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/details/log_msg.h>

#include <unistd.h>

#include <array>
#include <chrono>
#include <iterator>
#include <string_view>

namespace nuncio::server::daemon {
namespace {

constexpr std::array<std::string_view, 6> levels{"trace", "debug", "info",
                                                 "warn",  "error", "fatal"};

// Bytes that are no text, as payloads in traces have them, become U+FFFD.
void append_string(std::string_view any, spdlog::memory_buf_t& out) {
  out.push_back('"');
  for (const char c : protocol::to_valid_utf8(any)) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

struct about_client {
  std::string_view address;
  std::string_view kind;
  std::string_view id;
  std::string_view rest;
};

// `address - cid:5 - rest`; clients have no hand in the first two. Empty if it is another line.
about_client split(std::string_view text) noexcept {
  constexpr std::string_view dash = " - ";
  const auto end = text.find(dash);
  if (end == std::string_view::npos) return {};
  about_client out;
  out.address = text.substr(0, end);
  if (out.address.find(' ') != std::string_view::npos) return {};
  text.remove_prefix(end + dash.size());
  out.kind = text.substr(0, 3);
  if ((out.kind != "cid" && out.kind != "wid") || text.substr(3, 1) != ":") return {};
  text.remove_prefix(4);
  out.id = text.substr(0, text.find_first_not_of("0123456789"));
  text.remove_prefix(out.id.size());
  if (out.id.empty() || !text.starts_with(dash)) return {};
  out.rest = text.substr(dash.size());
  return out;
}

}  // namespace

void json_formatter::format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& out) {
  using namespace std::chrono;
  const auto to = std::back_inserter(out);
  out.push_back('{');
  if (with_time_) {
    const auto at = floor<microseconds>(line.time);
    const auto second = floor<seconds>(at);
    fmt::format_to(to, R"("time":"{:%Y-%m-%dT%H:%M:%S}.{:06}Z",)",
                   fmt::gmtime(system_clock::to_time_t(second)), (at - second).count());
  }
  fmt::format_to(to, R"("level":"{}","pid":{},)", levels.at(static_cast<std::size_t>(line.level)),
                 ::getpid());
  std::string_view text(line.payload.data(), line.payload.size());
  if (const auto client = split(text); !client.id.empty()) {
    fmt::format_to(to, R"("client":"{}","{}":{},)", client.address, client.kind, client.id);
    text = client.rest;
  }
  fmt::format_to(to, R"("message":)");
  append_string(text, out);
  out.push_back('}');
  out.append(end_.data(), end_.data() + end_.size());
}

}  // namespace nuncio::server::daemon
