#pragma once

#include "http_message.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nuncio::server::monitor {

/// A request that is complete, or is refused before it is.
struct received_request {
  http_request asked;
  std::optional<http_response> answer;  ///< nobody has to be asked for it
  answer_form form;
  bool wants_body = true;   ///< of the answer: not by HEAD
  bool is_complete = true;  ///< false: more of it may come, which nobody will read
};

/// Bytes of a connection become requests, one after the other. Pure: it reads no socket. Bodies,
/// which no page wants, are passed over.
///
/// Its memory is bounded, as is that of what it returns: what is longer is refused.
/// Source: RFC 9112, as Boost.Beast has it.
class request_reader {
 public:
  static constexpr std::size_t longest_header = 16UL * 1024;  ///< bytes, the first line included
  static constexpr std::size_t longest_body = 64UL * 1024;    ///< bytes

  /// `base_path`: what stands before the names of pages, with or without slashes.
  explicit request_reader(std::string_view base_path);
  request_reader(const request_reader&) = delete;
  request_reader& operator=(const request_reader&) = delete;
  ~request_reader();

  /// Where the next bytes go. Never empty after next() has returned nothing.
  [[nodiscard]] std::span<char> room() noexcept;
  /// That many bytes have been put there. Nothing: more has to come. Once a request doesn't keep
  /// the connection alive, it was the last one.
  [[nodiscard]] std::optional<received_request> next(std::size_t received);
  /// Nothing of the next request has come yet.
  [[nodiscard]] bool is_between() const noexcept;

 private:
  struct parsing;

  std::optional<received_request> parse();
  [[nodiscard]] std::string_view received() const noexcept { return {buffer_.get(), size_}; }
  [[nodiscard]] bool has_bad_line() const noexcept;
  [[nodiscard]] bool has_header() noexcept;
  void consume(std::size_t count) noexcept;
  [[nodiscard]] received_request complete() const;
  [[nodiscard]] received_request refuse(unsigned status, std::string text = {}) const;
  void begin();

  const std::string base_path_;
  std::unique_ptr<parsing> parsing_;
  const std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0;      // of what is in there and not parsed yet
  std::size_t searched_ = 0;  // of that, where no header ends
};

}  // namespace nuncio::server::monitor
