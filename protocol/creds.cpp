#include "text.hpp"

#include <nuncio/protocol/creds.hpp>
#include <nuncio/protocol/nkey.hpp>

#include <algorithm>

namespace nuncio::protocol {
namespace {

constexpr std::string_view dashes = "---";

/// Takes the first line off `text`.
std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trim(line, " \t\r");
}

bool is_frame(std::string_view line) {
  return line.size() > 2 * dashes.size() && line.starts_with(dashes) && line.ends_with(dashes);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '=' || c == '-';
  });
}

}  // namespace

std::optional<creds> parse_creds(std::string_view text) {
  creds out;
  bool is_inside = false;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (is_frame(line)) {
      is_inside = !is_inside;
      continue;
    }
    if (!is_inside || line.empty()) continue;
    if (out.seed.empty() && nkey_pair::from_seed(line)) {
      out.seed = line;
    } else if (out.jwt.empty() && is_token(line) &&
               std::count(line.begin(), line.end(), '.') == 2) {
      out.jwt = line;
    } else {
      return std::nullopt;
    }
  }
  if (out.jwt.empty()) return std::nullopt;
  return out;
}

std::optional<std::string> find_seed(std::string_view text) {
  while (!text.empty()) {
    const auto line = take_line(text);
    if (nkey_pair::from_seed(line)) return std::string(line);
  }
  return std::nullopt;
}

}  // namespace nuncio::protocol
