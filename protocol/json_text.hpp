#pragma once

#include <nuncio/protocol/utf8.hpp>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What INFO and CONNECT share of JSON.
namespace nuncio::protocol {

/// True if both are equal but for the case of ASCII letters.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// Reads one whole JSON text, as lenient as Go: invalid UTF-8 and lone surrogates are let through.
/// Errors: false for bad JSON.
[[nodiscard]] bool parse_json(std::string_view text,
                              boost::json::value& out,
                              const boost::json::storage_ptr& storage);

/// Writes one JSON object, member by member.
class json_writer {
 public:
  json_writer& member(std::string_view key, std::string_view value);
  json_writer& member(std::string_view key, const char* value) {
    return member(key, std::string_view{value});
  }
  json_writer& member(std::string_view key, const std::string& value) {
    return member(key, std::string_view{value});
  }
  json_writer& member(std::string_view key, bool value);
  json_writer& member(std::string_view key, std::int64_t value);
  json_writer& member(std::string_view key, std::uint64_t value);
  json_writer& member(std::string_view key, int value) {
    return member(key, static_cast<std::int64_t>(value));
  }
  json_writer& member(std::string_view key, const std::vector<std::string>& values);
  /// A member whose value is JSON already.
  json_writer& raw_member(std::string_view key, std::string_view json);

  /// Writes the member only if the value is true, not zero and not empty.
  template <class Value>
  json_writer& member_if_set(std::string_view key, const Value& value) {
    if (value != Value{}) member(key, value);
    return *this;
  }

  /// Closes the object and gives it away.
  [[nodiscard]] std::string finish();

 private:
  void start_member(std::string_view key);

  std::string text_ = "{";
};

}  // namespace nuncio::protocol
