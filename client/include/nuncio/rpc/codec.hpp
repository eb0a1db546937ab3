#pragma once

#include <nuncio/rpc/status.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

/// How values become payloads. A message names its type of content in `Content-Type`.
namespace nuncio::rpc {

/// What a payload is.
enum class content_type : std::uint8_t {
  msgpack,   ///< `application/msgpack`, the default
  json,      ///< `application/json`
  protobuf,  ///< `application/protobuf`
  text,      ///< `text/plain`
  bytes,     ///< `application/octet-stream`
};

/// As it stands in `Content-Type`.
[[nodiscard]] std::string_view to_string(content_type type) noexcept;
/// Parameters behind a semicolon are not looked at. Nothing for other types.
[[nodiscard]] std::optional<content_type> parse_content_type(std::string_view text) noexcept;

/// A payload that is passed on as it is.
struct bytes {
  std::string value;  ///< of a payload, as it is

  friend bool operator==(const bytes&, const bytes&) = default;
};

/// What a message has when nothing is to be said; decodes from anything.
struct nothing {
  friend bool operator==(const nothing&, const nothing&) = default;
};

/// The name of a type, for messages to people.
[[nodiscard]] std::string readable_name(const std::type_info& type);

/// How a type is written and read; specialise it for types of your own.
///
///   static constexpr content_type preferred;
///   static bool knows(content_type type) noexcept;
///   static void encode(const T& value, content_type type, std::string& out);     // appends
///   static result<T> decode(std::string_view payload, content_type type);
///
/// The general one is in codec_msgpack.hpp: everything that msgpack-c converts, as msgpack or JSON.
template <class T>
struct codec;

/// Bytes are what a payload of any type is.
template <>
struct codec<bytes> {
  /// As `codec` says.
  ///@{
  static constexpr content_type preferred = content_type::bytes;
  static bool knows(content_type) noexcept { return true; }
  static void encode(const bytes& value, content_type, std::string& out) { out += value.value; }
  static result<bytes> decode(std::string_view payload, content_type) {
    return bytes{std::string(payload)};
  }
  ///@}
};

/// Nothing is an empty payload, and may be read from any.
template <>
struct codec<nothing> {
  /// As `codec` says.
  ///@{
  static constexpr content_type preferred = content_type::msgpack;
  static bool knows(content_type) noexcept { return true; }
  static void encode(const nothing&, content_type, std::string&) {}
  static result<nothing> decode(std::string_view, content_type) { return nothing{}; }
  ///@}
};

/// `void` where a function returns it.
template <class T>
struct codec_of : codec<T> {};
template <>
struct codec_of<void> : codec<nothing> {};

/// The type to write `T` in, if `wanted` is asked for.
template <class T>
[[nodiscard]] content_type choose_type(content_type wanted) noexcept {
  return codec_of<T>::knows(wanted) ? wanted : codec_of<T>::preferred;
}

}  // namespace nuncio::rpc
