#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The header block of HPUB and HMSG: `NATS/1.0`, perhaps a status, lines of `Key: value`, and an
/// empty line.
/// Source: NATS client protocol, headers; nats.go, DecodeHeadersMsg.
namespace nuncio::protocol {

/// One line of a header block.
struct header_field {
  std::string_view key;    ///< as it was written
  std::string_view value;  ///< without leading blanks

  friend bool operator==(const header_field&, const header_field&) = default;
};

class header_view;

/// Checks `block` and makes `out` a view of it.
///
/// Lenient where the Go client is: a bare LF ends a line, lines with an empty key are passed over,
/// and what follows the empty line is ignored.
/// Errors:  false if the block doesn't begin with `NATS/1.0`, a line has no colon, or the empty
/// line
///          at the end is missing; `out` is unchanged then.
/// Lifetime: `out` points into `block`.
/// Thread:  any.
[[nodiscard]] bool parse_headers(std::string_view block, header_view& out);

/// A checked header block that is read where it lies; nothing is copied or indexed.
/// Keys compare case-sensitively. Leading blanks of a value are dropped, trailing ones kept.
///
/// Lifetime: as long as the bytes given to parse_headers().
class header_view {
 public:
  /// Walks the fields in the order of the block.
  class iterator {
   public:
    /// What the standard library asks of a forward iterator.
    ///@{
    using iterator_category = std::forward_iterator_tag;
    using value_type = header_field;
    using difference_type = std::ptrdiff_t;
    using pointer = const header_field*;
    using reference = const header_field&;

    iterator() = default;
    reference operator*() const noexcept { return field_; }
    pointer operator->() const noexcept { return &field_; }
    iterator& operator++() noexcept {
      advance();
      return *this;
    }
    iterator operator++(int) noexcept {
      auto before = *this;
      advance();
      return before;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.at_ == b.at_; }

    ///@}
   private:
    friend class header_view;
    explicit iterator(std::string_view lines) noexcept : rest_(lines) { advance(); }
    void advance() noexcept;

    std::string_view rest_;  ///< behind the current line
    header_field field_;
    const char* at_ = nullptr;  ///< start of the current line; null at the end
  };

  header_view() = default;

  /// The three characters behind `NATS/1.0`, e.g. `503`; empty where there is no status.
  [[nodiscard]] std::string_view status() const noexcept { return status_; }
  /// The text behind the status, trimmed.
  [[nodiscard]] std::string_view description() const noexcept { return description_; }

  /// The first field.
  [[nodiscard]] iterator begin() const noexcept { return iterator{lines_}; }
  /// Behind the last field.
  [[nodiscard]] iterator end() const noexcept { return {}; }
  /// True if there are no fields; there may be a status.
  [[nodiscard]] bool empty() const noexcept { return begin() == end(); }

  /// The first value of exactly this key.
  /// Cost:    a walk over the block.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const noexcept;
  /// All values of exactly this key, in order.
  [[nodiscard]] std::vector<std::string_view> find_all(std::string_view key) const;

 private:
  friend bool parse_headers(std::string_view block, header_view& out);

  std::string_view lines_;  ///< from the first field to the empty line, exclusive
  std::string_view status_;
  std::string_view description_;
};

/// True for what can be the key of a field that is written: printable ASCII other than the colon,
/// at least one character.
/// Thread:  any.
[[nodiscard]] bool is_header_key(std::string_view key) noexcept;

/// Writes a header block.
///
///   headers_builder headers;
///   headers.add("Trace", "abc");
///   append_hpub(out, subject, reply, headers.block(), payload);
class headers_builder {
 public:
  /// A block without a status.
  headers_builder();
  /// A block with a status line, as servers send it.
  /// Pre:     `status` has three characters; neither text holds CR or LF.
  explicit headers_builder(std::string_view status, std::string_view description = {});

  /// Appends one field; fields of the same key stay side by side.
  /// Errors:  false, and nothing is added, unless is_header_key(key), or if the value holds CR
  ///          or LF.
  [[nodiscard]] bool add(std::string_view key, std::string_view value);

  /// True if nothing was added.
  [[nodiscard]] bool empty() const noexcept { return is_empty_; }
  /// The whole block with its empty line.
  /// Lifetime: until the builder changes.
  [[nodiscard]] std::string_view block() const noexcept { return text_; }

 private:
  std::string text_;
  bool is_empty_ = true;
};

}  // namespace nuncio::protocol
