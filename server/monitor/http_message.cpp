#include "http_message.hpp"

#include "query.hpp"
#include "times.hpp"

#include <nuncio/server/monitor.hpp>

#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace nuncio::server {

bool is_base_path(std::string_view text) noexcept {
  constexpr std::string_view beside_letters = "/-._~";
  return std::all_of(text.begin(), text.end(), [beside_letters](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           beside_letters.find(c) != std::string_view::npos;
  });
}

namespace monitor {
namespace {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view text_type = "text/plain; charset=utf-8";

std::string_view name_of(unsigned status) noexcept {
  const auto name = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
  return {name.data(), name.size()};
}

// Data that pages of other places may read: answers in JSON, whatever they say, and pages that
// aren't for people alone.
bool is_for_all(const http_response& what) noexcept {
  const bool is_html = what.content_type.starts_with("text/html");
  return what.content_type == json_type || (what.status == 200 && !is_html);
}

// Of `http://host/path`.
std::string_view without_authority(std::string_view target) noexcept {
  const auto host = target.find("://");
  if (host == std::string_view::npos) return {};
  const auto path = target.find_first_of("/?", host + 3);
  return path == std::string_view::npos || target[path] == '?' ? "/" : target.substr(path);
}

// Nothing if `path` isn't below `base`.
std::string_view below(std::string_view path, std::string_view base) noexcept {
  if (!path.starts_with(base)) return {};
  path.remove_prefix(base.size());
  if (path.empty()) return "/";
  return path.front() == '/' ? path : std::string_view{};
}

}  // namespace

http_response not_found() {
  return plain_answer(404, "404 page not found\n");
}

http_response plain_answer(unsigned status, std::string text) {
  if (text.empty()) text = fmt::format("{} {}", status, name_of(status));
  return {status, std::string(text_type), std::move(text), {}};
}

std::string response_head(const http_response& what,
                          answer_form form,
                          std::chrono::system_clock::time_point now) {
  std::string out =
      fmt::format("HTTP/1.{} {} {}\r\n", form.is_old ? 0 : 1, what.status, name_of(what.status));
  if (is_for_all(what)) out += "Access-Control-Allow-Origin: *\r\n";
  if (!what.content_type.empty()) out += fmt::format("Content-Type: {}\r\n", what.content_type);
  if (!what.location.empty()) out += fmt::format("Location: {}\r\n", what.location);
  if (what.status == 404) out += "X-Content-Type-Options: nosniff\r\n";
  out += fmt::format("Date: {}\r\nContent-Length: {}\r\n", to_http_date(now), what.body.size());
  if (!form.keeps_alive) {
    out += "Connection: close\r\n";
  } else if (form.is_old) {
    out += "Connection: keep-alive\r\n";
  }
  return out + "\r\n";
}

std::string clean_path(std::string_view path) {
  std::vector<std::string_view> parts;
  const bool ends_open = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  while (!path.empty()) {
    const auto part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  if (parts.empty()) return "/";
  std::string out;
  for (const auto part : parts) out.append("/").append(part);
  return ends_open ? out + '/' : out;
}

std::variant<http_request, http_response> route(std::string_view target, std::string_view base) {
  http_request out;
  const auto mark = target.find('?');
  if (mark != std::string_view::npos) out.query = target.substr(mark + 1);
  auto path = target.substr(0, mark);
  if (!path.starts_with('/')) path = without_authority(path);
  if (path.empty() || !percent_decode(path, false, out.path)) return plain_answer(400);
  if (auto clean = clean_path(path); clean != path) {
    auto moved = plain_answer(307);
    moved.location = std::move(clean);
    if (mark != std::string_view::npos) moved.location += target.substr(mark);
    return moved;
  }
  out.path = below(out.path, base);
  if (out.path.empty()) return not_found();
  return out;
}

}  // namespace monitor
}  // namespace nuncio::server
