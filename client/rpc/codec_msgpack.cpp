#include "msgpack_scan.hpp"

#include <nuncio/protocol/base64.hpp>
#include <nuncio/rpc/codec_msgpack.hpp>

#include <boost/json/parse_options.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <msgpack/unpack.hpp>
#include <vector>

namespace nuncio::rpc {
namespace {

namespace json = boost::json;
using msgpack::object;
namespace type = msgpack::type;

constexpr std::size_t zone_chunk = 512;       // small, since most messages are
constexpr std::uint32_t probed_fields = 256;  // a hostile message doesn't buy more work

status malformed(std::string_view what, std::size_t at, std::string_view format) {
  return status::not_run(
      code::invalid_argument,
      std::string(format) + ", byte " + std::to_string(at) + ": " + std::string(what),
      "malformed-payload");
}

std::string_view kind_of(const object& value) {
  switch (value.type) {
    case type::NIL:
      return "nil";
    case type::BOOLEAN:
      return "a boolean";
    case type::POSITIVE_INTEGER:
    case type::NEGATIVE_INTEGER:
      return "an integer";
    case type::FLOAT32:
    case type::FLOAT64:
      return "a float";
    case type::STR:
      return "a string";
    case type::BIN:
      return "bytes";
    case type::ARRAY:
      return "an array";
    case type::MAP:
      return "a map";
    case type::EXT:
      break;
  }
  return "an extension";
}

// --- JSON to objects

object to_object(const json::value& from, msgpack::zone& zone);

object to_object(std::string_view text, msgpack::zone& zone) {
  object out;
  auto* const copy = static_cast<char*>(zone.allocate_no_align(text.size()));
  std::memcpy(copy, text.data(), text.size());
  out.type = type::STR;
  out.via.str.ptr = copy;
  out.via.str.size = static_cast<std::uint32_t>(text.size());
  return out;
}

object to_object(const json::array& from, msgpack::zone& zone) {
  object out;
  out.type = type::ARRAY;
  out.via.array.size = static_cast<std::uint32_t>(from.size());
  out.via.array.ptr =
      static_cast<object*>(zone.allocate_align(sizeof(object) * from.size(), alignof(object)));
  for (std::size_t i = 0; i < from.size(); ++i) out.via.array.ptr[i] = to_object(from[i], zone);
  return out;
}

object to_object(const json::object& from, msgpack::zone& zone) {
  object out;
  out.type = type::MAP;
  out.via.map.size = static_cast<std::uint32_t>(from.size());
  out.via.map.ptr = static_cast<msgpack::object_kv*>(
      zone.allocate_align(sizeof(msgpack::object_kv) * from.size(), alignof(msgpack::object_kv)));
  auto* pair = out.via.map.ptr;
  for (const auto& [key, value] : from) {
    *pair++ = {to_object(std::string_view(key), zone), to_object(value, zone)};
  }
  return out;
}

object to_object(const json::value& from, msgpack::zone& zone) {
  switch (from.kind()) {
    case json::kind::null:
      return {};
    case json::kind::bool_:
      return object(from.get_bool());
    case json::kind::int64:
      return object(from.get_int64());
    case json::kind::uint64:
      return object(from.get_uint64());
    case json::kind::double_:
      return object(from.get_double());
    case json::kind::string:
      return to_object(std::string_view(from.get_string()), zone);
    case json::kind::array:
      return to_object(from.get_array(), zone);
    case json::kind::object:
      return to_object(from.get_object(), zone);
  }
  return {};
}

std::size_t count_values(const json::value& from) {
  std::size_t out = 1;
  if (const auto* const list = from.if_array()) {
    for (const auto& each : *list) out += count_values(each);
  } else if (const auto* const map = from.if_object()) {
    for (const auto& [key, value] : *map) out += count_values(value);
  }
  return out;
}

// --- objects to JSON

template <class Number>
void append_number(std::string& out, Number value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

void append_text(std::string& out, std::string_view text) {
  out += json::serialize(json::string_view(text.data(), text.size()));
}

void append_base64(std::string& out, std::string_view bytes) {
  out += '"' + protocol::to_base64(bytes) + '"';
}

void append_key(std::string& out, const object& key) {
  if (key.type == type::STR) return append_text(out, {key.via.str.ptr, key.via.str.size});
  // Maps as keys of maps: text within text would double its escapes at every level.
  if (key.type == type::MAP || key.type == type::ARRAY) return append_text(out, kind_of(key));
  std::string text;
  append_json(text, key);
  append_text(out, text);
}

// --- which field is wrong

// A copy of the maps along `path`, each with one entry only, around `innermost`.
object only(const std::vector<object>& path, const object& innermost, msgpack::zone& zone) {
  auto out = innermost;
  for (auto i = path.size(); i-- > 0;) {
    object around;
    around.type = type::MAP;
    around.via.map.size = 1;
    around.via.map.ptr = static_cast<msgpack::object_kv*>(
        zone.allocate_align(sizeof(msgpack::object_kv), alignof(msgpack::object_kv)));
    *around.via.map.ptr = {path[i], out};
    out = around;
  }
  return out;
}

// The byte where the value at `path` begins.
std::size_t offset_of(std::string_view payload, const std::vector<object>& path) {
  std::size_t at = 0;
  for (const auto& key : path) {
    const auto head = read_msgpack_head(payload.substr(at));
    auto next = at + head.size;
    for (std::size_t i = 0; i < head.count; ++i) {
      const auto value = msgpack_scan{}.skip(payload, next);
      if (value > payload.size()) return at;
      const auto key_text = payload.substr(next, value - next);
      const bool is_it = key.type == type::STR &&
                         key_text.ends_with(std::string_view(key.via.str.ptr, key.via.str.size)) &&
                         key_text.data() + key_text.size() == key.via.str.ptr + key.via.str.size;
      if (is_it) {
        at = value;
        break;
      }
      next = msgpack_scan{}.skip(payload, value);
      if (next > payload.size()) return at;
    }
  }
  return at;
}

}  // namespace

result<document> document::read_msgpack(std::string_view payload, const decode_limits& limits) {
  msgpack_scan scan{.max_depth = limits.depth, .max_elements = limits.elements};
  const auto end = scan.skip(payload, 0);
  if (end > payload.size()) return malformed(scan.problem, scan.problem_at, "msgpack");
  if (end < payload.size()) return malformed("more follows the value", end, "msgpack");
  document out;
  out.payload_ = payload;
  out.zone_ = std::make_unique<msgpack::zone>(zone_chunk);
  // Strings stay where they are.
  const auto refer = [](type::object_type, std::size_t, void*) { return true; };
  out.root_ = msgpack::unpack(*out.zone_, payload.data(), payload.size(), refer);
  return out;
}

result<document> document::read_json(std::string_view payload, const decode_limits& limits) {
  json::parse_options options;
  options.max_depth = limits.depth;
  json::stream_parser parser({}, options);
  boost::system::error_code failed;
  const auto used = parser.write_some(payload.data(), payload.size(), failed);
  if (!failed && used < payload.size()) return malformed("more follows the value", used, "JSON");
  if (!failed) parser.finish(failed);
  if (failed) return malformed(failed.message(), used, "JSON");
  const auto value = parser.release();
  if (count_values(value) > limits.elements) return malformed("too many values", 0, "JSON");
  document out;
  out.payload_ = payload;
  out.is_msgpack_ = false;
  out.zone_ = std::make_unique<msgpack::zone>(zone_chunk);
  out.root_ = to_object(value, *out.zone_);
  return out;
}

// Leaves out all but one field, one after the other: whoever still fails is to blame.
status document::explain(const std::type_info& type,
                         const std::function<bool(const msgpack::object&)>& converts) const {
  std::vector<object> path;
  std::string name;
  auto blamed = root_;
  for (bool found = true; found && blamed.type == type::MAP;) {
    found = false;
    const auto fields = std::min(blamed.via.map.size, probed_fields);
    for (std::uint32_t i = 0; i < fields && !found; ++i) {
      const auto& [key, value] = blamed.via.map.ptr[i];
      if (key.type != type::STR) continue;
      path.push_back(key);
      if (converts(only(path, value, *zone_))) {
        path.pop_back();
        continue;
      }
      if (!name.empty()) name += '.';
      name.append(key.via.str.ptr, key.via.str.size);
      blamed = object(value);
      found = true;
      break;
    }
  }
  auto text = readable_name(type);
  text += name.empty() ? std::string(": the value") : ": field \"" + name + '"';
  if (is_msgpack_) text += ", byte " + std::to_string(offset_of(payload_, path)) + ',';
  text += " is " + std::string(kind_of(blamed)) + ", which doesn't fit";
  return status::not_run(code::invalid_argument, text, "malformed-payload");
}

void append_json(std::string& out, const object& value) {
  switch (value.type) {
    case type::NIL:
      out += "null";
      return;
    case type::BOOLEAN:
      out += value.via.boolean ? "true" : "false";
      return;
    case type::POSITIVE_INTEGER:
      return append_number(out, value.via.u64);
    case type::NEGATIVE_INTEGER:
      return append_number(out, value.via.i64);
    case type::FLOAT32:
    case type::FLOAT64:
      // JSON has no words for the others.
      if (!std::isfinite(value.via.f64)) {
        out += "null";
        return;
      }
      return append_number(out, value.via.f64);
    case type::STR:
      return append_text(out, {value.via.str.ptr, value.via.str.size});
    case type::BIN:
      return append_base64(out, {value.via.bin.ptr, value.via.bin.size});
    case type::EXT:
      return append_base64(out, {value.via.ext.ptr, value.via.ext.size});
    case type::ARRAY:
      out += '[';
      for (std::uint32_t i = 0; i < value.via.array.size; ++i) {
        if (i > 0) out += ',';
        append_json(out, value.via.array.ptr[i]);
      }
      out += ']';
      return;
    case type::MAP:
      out += '{';
      for (std::uint32_t i = 0; i < value.via.map.size; ++i) {
        if (i > 0) out += ',';
        append_key(out, value.via.map.ptr[i].key);
        out += ':';
        append_json(out, value.via.map.ptr[i].val);
      }
      out += '}';
      return;
  }
}

}  // namespace nuncio::rpc
