#include "json_text.hpp"

#include <nuncio/protocol/service.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace nuncio::protocol {
namespace {

namespace json = boost::json;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-';
}

json::object to_json(const service_metadata& metadata) {
  json::object out;
  for (const auto& [key, value] : metadata) out[to_valid_utf8(key)] = to_valid_utf8(value);
  return out;
}

json::object begin(const service_identity& identity, std::string_view type) {
  json::object out;
  out["name"] = to_valid_utf8(identity.name);
  out["id"] = to_valid_utf8(identity.id);
  out["version"] = identity.version;
  out["metadata"] = to_json(identity.metadata);
  out["type"] = type;
  return out;
}

// RFC 3339, UTC, with nanoseconds.
std::string to_text(std::chrono::system_clock::time_point when) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const std::time_t time = seconds.count();
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 64> out{};
  const auto size = std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(out.data() + size, out.size() - size, ".%09lldZ",
                static_cast<long long>((since - seconds).count()));
  return out.data();
}

std::string text_of(const json::string& text) {
  return to_valid_utf8({text.data(), text.size()});
}

std::string text_of(const json::object& from, std::string_view key) {
  const auto* const value = from.if_contains(key);
  return value != nullptr && value->is_string() ? text_of(value->get_string()) : std::string();
}

service_metadata metadata_of(const json::object& from) {
  service_metadata out;
  const auto* const value = from.if_contains("metadata");
  if (value == nullptr || !value->is_object()) return out;
  for (const auto& [key, each] : value->get_object()) {
    if (each.is_string()) out.emplace(to_valid_utf8(key), text_of(each.get_string()));
  }
  return out;
}

// One part of a pre-release or build: words, and no zero in front of a number where `is_strict`.
bool is_identifier(std::string_view text, bool is_strict) noexcept {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_word)) return false;
  const bool is_number = std::all_of(text.begin(), text.end(), is_digit);
  return !is_strict || !is_number || text.size() == 1 || text[0] != '0';
}

bool are_identifiers(std::string_view text, bool is_strict) noexcept {
  for (;;) {
    const auto dot = text.find('.');
    if (!is_identifier(text.substr(0, dot), is_strict)) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_number(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), is_digit) && is_identifier(text, true);
}

}  // namespace

std::string to_ping_response(const service_identity& identity) {
  return json::serialize(begin(identity, "io.nats.micro.v1.ping_response"));
}

std::string to_info_response(const service_info& info) {
  auto out = begin(info.identity, "io.nats.micro.v1.info_response");
  out["description"] = to_valid_utf8(info.description);
  auto& list = out["endpoints"].emplace_array();
  for (const auto& each : info.endpoints) {
    list.push_back(json::object{{"name", to_valid_utf8(each.name)},
                                {"subject", to_valid_utf8(each.subject)},
                                {"queue_group", to_valid_utf8(each.queue_group)},
                                {"metadata", to_json(each.metadata)}});
  }
  return json::serialize(out);
}

std::string to_stats_response(const service_stats& stats) {
  auto out = begin(stats.identity, "io.nats.micro.v1.stats_response");
  out["started"] = to_text(stats.started);
  auto& list = out["endpoints"].emplace_array();
  for (const auto& each : stats.endpoints) {
    const auto total = each.processing_time.count();
    const auto average = each.requests == 0 ? 0 : total / static_cast<std::int64_t>(each.requests);
    list.push_back(json::object{{"name", to_valid_utf8(each.name)},
                                {"subject", to_valid_utf8(each.subject)},
                                {"queue_group", to_valid_utf8(each.queue_group)},
                                {"num_requests", each.requests},
                                {"num_errors", each.errors},
                                {"last_error", to_valid_utf8(each.last_error)},
                                {"processing_time", total},
                                {"average_processing_time", average}});
  }
  return json::serialize(out);
}

std::optional<service_info> parse_info_response(std::string_view text) {
  json::value parsed;
  if (!parse_json(text, parsed, {}) || !parsed.is_object()) return std::nullopt;
  const auto& root = parsed.get_object();
  service_info out;
  out.identity = {.name = text_of(root, "name"),
                  .id = text_of(root, "id"),
                  .version = text_of(root, "version"),
                  .metadata = metadata_of(root)};
  if (out.identity.name.empty() || out.identity.id.empty()) return std::nullopt;
  out.description = text_of(root, "description");
  const auto* const list = root.if_contains("endpoints");
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& each : list->get_array()) {
    if (!each.is_object()) continue;
    const auto& from = each.get_object();
    out.endpoints.push_back({.name = text_of(from, "name"),
                             .subject = text_of(from, "subject"),
                             .queue_group = text_of(from, "queue_group"),
                             .metadata = metadata_of(from)});
  }
  return out;
}

bool is_service_name(std::string_view name) noexcept {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '_'; });
}

// Source: semver.org, 2.0.0, sections 2, 9 and 10.
bool is_semantic_version(std::string_view version) noexcept {
  const auto plus = version.find('+');
  if (plus != std::string_view::npos && !are_identifiers(version.substr(plus + 1), false)) {
    return false;
  }
  version = version.substr(0, plus);
  const auto dash = version.find('-');
  if (dash != std::string_view::npos && !are_identifiers(version.substr(dash + 1), true)) {
    return false;
  }
  version = version.substr(0, dash);
  const auto first = version.find('.');
  const auto second = first == std::string_view::npos ? first : version.find('.', first + 1);
  if (second == std::string_view::npos) return false;
  return is_number(version.substr(0, first)) &&
         is_number(version.substr(first + 1, second - first - 1)) &&
         is_number(version.substr(second + 1));
}

std::string_view major_version(std::string_view version) noexcept {
  return version.substr(0, version.find('.'));
}

}  // namespace nuncio::protocol
