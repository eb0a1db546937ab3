#include "text.hpp"

#include <nuncio/protocol/headers.hpp>

#include <algorithm>

namespace nuncio::protocol {
namespace {

constexpr std::string_view version = "NATS/1.0";
constexpr std::size_t status_size = 3;

/// Takes a line off the front of `text`, without its end. False if no line end is left.
bool take_line(std::string_view& text, std::string_view& line) noexcept {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return false;
  line = text.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

bool parse_headers(std::string_view block, header_view& out) {
  std::string_view line;
  std::string_view rest = block;
  if (!take_line(rest, line) || !line.starts_with(version)) return false;
  header_view result;
  const auto inline_status = trim(line.substr(version.size()));
  result.status_ = inline_status.substr(0, status_size);
  if (inline_status.size() > status_size) {
    result.description_ = trim(inline_status.substr(status_size));
  }

  const std::string_view lines = rest;
  for (std::string_view before = rest; take_line(rest, line); before = rest) {
    if (line.empty()) {
      result.lines_ = lines.substr(0, lines.size() - before.size());
      out = result;
      return true;
    }
    if (line.find(':') == std::string_view::npos) return false;
  }
  return false;
}

void header_view::iterator::advance() noexcept {
  std::string_view line;
  for (const char* start = rest_.data(); take_line(rest_, line); start = rest_.data()) {
    const auto colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) continue;
    field_ = {line.substr(0, colon), trim_left(line.substr(colon + 1))};
    at_ = start;
    return;
  }
  at_ = nullptr;
}

std::optional<std::string_view> header_view::find(std::string_view key) const noexcept {
  for (const auto& field : *this) {
    if (field.key == key) return field.value;
  }
  return std::nullopt;
}

std::vector<std::string_view> header_view::find_all(std::string_view key) const {
  std::vector<std::string_view> values;
  for (const auto& field : *this) {
    if (field.key == key) values.push_back(field.value);
  }
  return values;
}

bool is_header_key(std::string_view key) noexcept {
  return !key.empty() &&
         std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 127 && c != ':'; });
}

headers_builder::headers_builder() : headers_builder(std::string_view{}) {}

headers_builder::headers_builder(std::string_view status, std::string_view description)
    : text_(version) {
  for (const auto part : {status, description}) {
    if (part.empty()) continue;
    text_ += ' ';
    text_ += part;
  }
  text_ += "\r\n\r\n";
}

bool headers_builder::add(std::string_view key, std::string_view value) {
  if (!is_header_key(key) || value.find_first_of("\r\n") != std::string_view::npos) return false;
  text_.resize(text_.size() - 2);
  text_ += key;
  text_ += ": ";
  text_ += value;
  text_ += "\r\n\r\n";
  is_empty_ = false;
  return true;
}

}  // namespace nuncio::protocol
