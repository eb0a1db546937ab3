#include "request_options.hpp"

#include "core/same_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/error.hpp>
#include <boost/json/parse.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <utility>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

std::string_view kind_of(const json::value& found) {
  switch (found.kind()) {
    case json::kind::object:
      return "an object";
    case json::kind::array:
      return "a list";
    case json::kind::string:
      return "a text";
    case json::kind::bool_:
      return "true or false";
    case json::kind::null:
      return "null";
    default:
      return "a number";
  }
}

}  // namespace

request_options::request_options(std::string_view payload) {
  if (!payload.empty()) read(payload);
}

void request_options::read(std::string_view payload) {
  boost::system::error_code failure;
  auto found = json::parse(json::string_view(payload), failure);
  if (failure == json::error::incomplete) return fail("unexpected end of JSON input");
  if (failure) return fail("invalid JSON: " + failure.message());
  if (found.is_null()) return;
  if (!found.is_object()) {
    return fail("found " + std::string(kind_of(found)) + ", expected an object");
  }
  all_ = std::move(found.get_object());
}

const json::value* request_options::find(std::string_view name) const {
  if (!error_.empty()) return nullptr;
  const auto* found = all_.if_contains(name);
  if (found == nullptr) {
    const auto* const other = std::find_if(
        all_.begin(), all_.end(), [name](const auto& each) { return same_text(each.key(), name); });
    if (other != all_.end()) found = &other->value();
  }
  return found == nullptr || found->is_null() ? nullptr : found;
}

void request_options::fail(std::string text) {
  if (error_.empty()) error_ = std::move(text);
}

void request_options::expect(std::string_view name,
                             const json::value& found,
                             std::string_view what) {
  fail(std::string(name)
           .append(": found ")
           .append(kind_of(found))
           .append(", expected ")
           .append(what));
}

bool request_options::boolean(std::string_view name) {
  const auto* const found = find(name);
  if (found == nullptr) return false;
  if (const auto* const said = found->if_bool()) return *said;
  expect(name, *found, "true or false");
  return false;
}

std::int64_t request_options::integer(std::string_view name) {
  const auto* const found = find(name);
  if (found == nullptr) return 0;
  if (const auto* const said = found->if_int64()) return *said;
  expect(name, *found, "an integer");
  return 0;
}

std::uint64_t request_options::unsigned_integer(std::string_view name) {
  const auto* const found = find(name);
  if (found == nullptr) return 0;
  if (const auto* const said = found->if_uint64()) return *said;
  const auto* const small = found->if_int64();
  if (small != nullptr && *small >= 0) return static_cast<std::uint64_t>(*small);
  expect(name, *found, "an integer of 0 or more");
  return 0;
}

std::string request_options::text(std::string_view name) {
  const auto* const found = find(name);
  if (found == nullptr) return {};
  if (const auto* const said = found->if_string()) return std::string(*said);
  expect(name, *found, "a text");
  return {};
}

std::vector<std::string> request_options::texts(std::string_view name) {
  const auto* const found = find(name);
  if (found == nullptr) return {};
  const auto* const list = found->if_array();
  if (list == nullptr) {
    expect(name, *found, "a list of texts");
    return {};
  }
  std::vector<std::string> out;
  for (const auto& each : *list) {
    const auto* const said = each.if_string();
    if (said == nullptr) {
      expect(name, each, "a text in the list");
      return {};
    }
    out.emplace_back(*said);
  }
  return out;
}

state_filter request_options::state(std::string_view name) {
  switch (integer(name)) {
    case 0:
      return state_filter::open;
    case 1:
      return state_filter::closed;
    case 2:
      return state_filter::all;
    default:
      fail(std::string(name) + ": expected 0 (open), 1 (closed) or 2 (all)");
      return state_filter::open;
  }
}

}  // namespace nuncio::server::monitor
