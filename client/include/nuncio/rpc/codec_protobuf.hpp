#pragma once

#include <nuncio/rpc/codec.hpp>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace nuncio::rpc {

/// Messages that protoc has generated, as `application/protobuf`, or as the JSON of protobuf.
///
/// Include it before an endpoint or a call uses one, and link nuncio::rpc_protobuf. Peers in other
/// languages need nothing but the same .proto file.
template <std::derived_from<google::protobuf::Message> T>
struct codec<T> {
  /// Unless a caller asks for JSON.
  static constexpr content_type preferred = content_type::protobuf;
  static constexpr int max_depth = 64;  ///< of messages in one another

  /// Both of these.
  static bool knows(content_type type) noexcept {
    return type == content_type::protobuf || type == content_type::json;
  }
  /// Errors:  throws rpc::error, INTERNAL, if a required field of proto2 isn't set.
  static void encode(const T& value, content_type type, std::string& out) {
    if (!value.IsInitialized()) {
      throw error(code::internal, "a " + value.GetTypeName() + " lacks its required " +
                                      value.InitializationErrorString());
    }
    if (type != content_type::json) {
      value.AppendToString(&out);
      return;
    }
    std::string text;
    const auto how = google::protobuf::util::MessageToJsonString(value, &text);
    if (!how.ok()) throw error(code::internal, how.ToString());
    out += text;
  }
  /// Errors:  INVALID_ARGUMENT that names the type and the byte, or the field that is missing.
  static result<T> decode(std::string_view payload, content_type type) {
    T out;
    if (type == content_type::json) {
      const google::protobuf::StringPiece text(payload.data(), payload.size());
      const auto how = google::protobuf::util::JsonStringToMessage(text, &out);
      if (!how.ok()) return refuse(out, "can't be read from JSON: " + std::string(how.message()));
    } else {
      google::protobuf::io::CodedInputStream in(
          reinterpret_cast<const std::uint8_t*>(payload.data()), static_cast<int>(payload.size()));
      in.SetRecursionLimit(max_depth);
      if (!out.MergePartialFromCodedStream(&in) || !in.ConsumedEntireMessage()) {
        return refuse(out, "can't be read: it is malformed at or before byte " +
                               std::to_string(in.CurrentPosition()));
      }
    }
    if (!out.IsInitialized()) {
      return refuse(out, "lacks its required " + out.InitializationErrorString());
    }
    return out;
  }

 private:
  static status refuse(const T& what, const std::string& why) {
    return status::not_run(code::invalid_argument, what.GetTypeName() + " " + why,
                           "malformed-payload");
  }
};

}  // namespace nuncio::rpc
