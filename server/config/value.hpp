#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What a configuration file says, before anybody asks what it means.
namespace nuncio::server::config {

/// Where something stands in a file.
struct place {
  std::uint32_t file = 0;    ///< index into document::files
  std::uint32_t line = 1;    ///< from 1
  std::uint32_t column = 1;  ///< from 1, in bytes
};

enum class kind : std::uint8_t {
  boolean,
  integer,
  real,  ///< a number with a point
  time,  ///< a date and time; `text` is as it was written
  text,
  list,
  map,
};

/// "a number", "a list", …
[[nodiscard]] std::string_view to_string(kind what) noexcept;

struct member;

/// One value. Which of the fields counts, `what` says.
struct value {
  kind what = kind::text;
  bool boolean = false;
  /// Then nobody shall see it: the environment is where passwords are kept out of files.
  bool is_from_environment = false;
  place at;
  std::int64_t integer = 0;
  double real = 0;
  /// Of a text, without its quotes and with its escapes resolved; of a number or a time, as it was
  /// written: a number may have had a unit, as in `2m`.
  std::string text;
  /// Of the variable that it was referred to by, without `$`; empty: it stands there itself.
  std::string variable;
  std::vector<value> items;  ///< of a list
  std::vector<member>
      members;  ///< of a map, in the order of first mention; the last value of a key

  /// The member with exactly this key; null if there is none.
  [[nodiscard]] const member* find(std::string_view key) const noexcept;
};

/// A key and its value.
struct member {
  std::string key;
  place at;  ///< of the key
  value is;
  bool is_variable = false;  ///< it was referred to by `$key`, so it may be unknown as an option
};

}  // namespace nuncio::server::config
