#pragma once

#include <nuncio/protocol/headers.hpp>
#include <nuncio/protocol/message_parser.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace nuncio::client {

/// A message as it lies in the read buffer; see `message` for one that lasts.
using message_view = protocol::server_message;

/// The header block of a message to publish: `headers h; h.add("Key", "value");`.
using headers = protocol::headers_builder;

/// A message that was received. It owns its bytes, in one allocation; moving it is cheap.
class message {
 public:
  message() = default;
  /// Copies what the view shows.
  explicit message(const message_view& from);
  /// The other one becomes what this one was.
  ///@{
  message(message&& other) noexcept { swap(other); }
  message& operator=(message&& other) noexcept {
    swap(other);
    return *this;
  }
  ///@}
  message(const message&) = delete;
  message& operator=(const message&) = delete;
  ~message() = default;

  /// Where it was published. Views into a message last as long as it does.
  [[nodiscard]] std::string_view subject() const noexcept { return {bytes_.get(), subject_size_}; }
  /// Where an answer is awaited; empty where none is.
  [[nodiscard]] std::string_view reply() const noexcept {
    return {bytes_.get() + subject_size_, reply_size_};
  }
  /// What it says, as it was published.
  [[nodiscard]] std::string_view payload() const noexcept {
    return {bytes_.get() + subject_size_ + reply_size_ + header_size_, payload_size_};
  }
  /// `NATS/1.0 …` with its empty line; empty where there are no headers.
  [[nodiscard]] std::string_view header_block() const noexcept {
    return {bytes_.get() + subject_size_ + reply_size_, header_size_};
  }
  /// The headers; none where the block can't be read.
  /// Cost: a walk over the block.
  [[nodiscard]] protocol::header_view headers() const;
  /// The same bytes as a view.
  /// Lifetime: as long as this message; moving it keeps them.
  [[nodiscard]] message_view view() const noexcept {
    return {subject(), {}, reply(), header_block(), payload()};
  }

 private:
  void swap(message& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(subject_size_, other.subject_size_);
    std::swap(reply_size_, other.reply_size_);
    std::swap(header_size_, other.header_size_);
    std::swap(payload_size_, other.payload_size_);
  }

  std::unique_ptr<char[]> bytes_;
  std::uint32_t subject_size_ = 0;
  std::uint32_t reply_size_ = 0;
  std::uint32_t header_size_ = 0;
  std::uint32_t payload_size_ = 0;
};

/// True if this is a server's word that nobody is subscribed to what was requested.
/// Source: NATS client protocol, section 11.
[[nodiscard]] bool is_no_responders(const message_view& m) noexcept;

}  // namespace nuncio::client
