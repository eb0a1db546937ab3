#pragma once

#include <nuncio/rpc/codec.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <msgpack/adaptor/bool.hpp>
#include <msgpack/adaptor/carray.hpp>
#include <msgpack/adaptor/char_ptr.hpp>
#include <msgpack/adaptor/cpp11/array.hpp>
#include <msgpack/adaptor/cpp11/array_char.hpp>
#include <msgpack/adaptor/cpp11/array_unsigned_char.hpp>
#include <msgpack/adaptor/cpp11/shared_ptr.hpp>
#include <msgpack/adaptor/cpp11/tuple.hpp>
#include <msgpack/adaptor/cpp11/unique_ptr.hpp>
#include <msgpack/adaptor/cpp11/unordered_map.hpp>
#include <msgpack/adaptor/cpp11/unordered_set.hpp>
#include <msgpack/adaptor/cpp17/array_byte.hpp>
#include <msgpack/adaptor/cpp17/byte.hpp>
#include <msgpack/adaptor/cpp17/optional.hpp>
#include <msgpack/adaptor/cpp17/string_view.hpp>
#include <msgpack/adaptor/cpp17/vector_byte.hpp>
#include <msgpack/adaptor/define.hpp>
#include <msgpack/adaptor/deque.hpp>
#include <msgpack/adaptor/float.hpp>
#include <msgpack/adaptor/int.hpp>
#include <msgpack/adaptor/list.hpp>
#include <msgpack/adaptor/map.hpp>
#include <msgpack/adaptor/nil.hpp>
#include <msgpack/adaptor/pair.hpp>
#include <msgpack/adaptor/raw.hpp>
#include <msgpack/adaptor/set.hpp>
#include <msgpack/adaptor/string.hpp>
#include <msgpack/adaptor/vector.hpp>
#include <msgpack/adaptor/vector_bool.hpp>
#include <msgpack/adaptor/vector_char.hpp>
#include <msgpack/adaptor/vector_unsigned_char.hpp>
#include <msgpack/object.hpp>
#include <msgpack/pack.hpp>
#include <msgpack/zone.hpp>
#include <string>
#include <string_view>
#include <typeinfo>

namespace nuncio::rpc {

/// Bounds on what a peer may make us allocate. Checked before anything is.
struct decode_limits {
  std::size_t depth = 64;            ///< of arrays and maps in one another
  std::size_t elements = 1'000'000;  ///< values in all
};

/// A payload, read: objects that point into it.
/// Lifetime: that of the payload.
class document {
 public:
  /// Errors:  INVALID_ARGUMENT that names what is wrong and where.
  [[nodiscard]] static result<document> read_msgpack(std::string_view payload,
                                                     const decode_limits& limits = {});
  /// The same of JSON.
  [[nodiscard]] static result<document> read_json(std::string_view payload,
                                                  const decode_limits& limits = {});

  /// The value that the payload is.
  /// Lifetime: that of this.
  [[nodiscard]] const msgpack::object& root() const noexcept { return root_; }

  /// Says which field of a `type` doesn't fit: `converts` tells whether an object does.
  [[nodiscard]] status explain(const std::type_info& type,
                               const std::function<bool(const msgpack::object&)>& converts) const;

 private:
  std::string_view payload_;
  bool is_msgpack_ = true;
  std::unique_ptr<msgpack::zone> zone_;
  msgpack::object root_;
};

/// Appends `value` as JSON. Bytes become base64, and numbers that are keys become text; a key that
/// is a map or an array can't be written and becomes `a map` or `an array`.
void append_json(std::string& out, const msgpack::object& value);

namespace detail {
struct string_stream {
  std::string* out;
  // msgpack takes a pointer to it that isn't const.
  // NOLINTNEXTLINE(readability-make-member-function-const)
  void write(const char* data, std::size_t size) { out->append(data, size); }
};
}  // namespace detail

/// Everything that msgpack-c converts: numbers, strings, the standard containers, pointers and
/// optionals, and structs with MSGPACK_DEFINE_MAP (by names) or MSGPACK_DEFINE (by position). As
/// JSON, too. Its adaptors for Boost and for rarer types cost a second of compile time:
/// `#include <msgpack/type.hpp>` brings them.
template <class T>
struct codec {
  /// As the declaration in codec.hpp says.
  ///@{
  static constexpr content_type preferred = content_type::msgpack;
  static bool knows(content_type type) noexcept {
    return type == content_type::msgpack || type == content_type::json;
  }
  static void encode(const T& value, content_type type, std::string& out) {
    if (type == content_type::json) {
      msgpack::zone zone;
      append_json(out, msgpack::object(value, zone));
      return;
    }
    detail::string_stream stream{&out};
    msgpack::pack(stream, value);
  }
  static result<T> decode(std::string_view payload, content_type type) {
    auto read =
        type == content_type::json ? document::read_json(payload) : document::read_msgpack(payload);
    if (!read) return std::move(read).error();
    const auto converts = [](const msgpack::object& from) {
      try {
        T trial{};
        from.convert(trial);
        return true;
      } catch (const std::bad_cast&) {
        return false;
      }
    };
    try {
      T out{};
      read->root().convert(out);
      return out;
    } catch (const std::bad_cast&) {
      return read->explain(typeid(T), converts);
    }
  }
  ///@}
};

}  // namespace nuncio::rpc
