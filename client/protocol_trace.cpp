#include "protocol_trace.hpp"

#include <nuncio/protocol/connect.hpp>

#include <algorithm>
#include <charconv>

namespace nuncio::client {
namespace {

// Servers may write verbs in any case.
bool begins_with(std::string_view line, std::string_view verb) noexcept {
  return line.size() > verb.size() && (line[verb.size()] == ' ' || line[verb.size()] == '\t') &&
         std::equal(verb.begin(), verb.end(), line.begin(),
                    [](char a, char b) { return a == (b >= 'a' && b <= 'z' ? b - 'a' + 'A' : b); });
}

bool has_payload(std::string_view line) noexcept {
  for (const std::string_view verb : {"MSG", "HMSG", "PUB", "HPUB"}) {
    if (begins_with(line, verb)) return true;
  }
  return false;
}

// The last number of the line, and the line end behind the message.
std::size_t size_of_message(std::string_view line) noexcept {
  line.remove_suffix(line.size() - std::min(line.size(), line.find_last_not_of(" \t") + 1));
  const auto last = line.substr(line.find_last_of(" \t") + 1);
  std::size_t size = 0;
  std::from_chars(last.data(), last.data() + last.size(), size);
  return size + 2;
}

std::string without_secrets(std::string_view json) {
  protocol::connect_options said;
  if (!protocol::parse_connect(json, said)) return "***";
  for (auto* const secret : {&said.pass, &said.auth_token, &said.jwt, &said.sig, &said.proxy_sig}) {
    if (!secret->empty()) *secret = "***";
  }
  return to_json(said);
}

}  // namespace

void protocol_trace::walk(position& at, protocol_line::direction way, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto skipped = std::min(at.skip, bytes.size());
    at.skip -= skipped;
    bytes.remove_prefix(skipped);
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos) {
      at.line += bytes;
      return;
    }
    auto line = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    std::string kept;
    if (!at.line.empty()) {
      kept = std::exchange(at.line, {}).append(line);
      line = kept;
    }
    if (line.ends_with('\r')) line.remove_suffix(1);
    tell(at, way, line);
  }
}

void protocol_trace::tell(position& at, protocol_line::direction way, std::string_view line) {
  if (has_payload(line)) at.skip = size_of_message(line);
  if (way != protocol_line::direction::to_server || !begins_with(line, "CONNECT")) {
    return to_({.way = way, .text = line});
  }
  constexpr std::string_view verb = "CONNECT ";
  const auto masked = std::string(verb) + without_secrets(line.substr(verb.size()));
  to_({.way = way, .text = masked});
}

}  // namespace nuncio::client
