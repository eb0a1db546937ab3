#pragma once

#include <nuncio/client/options.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace nuncio::client {

/// Finds the lines of the protocol in what goes over a connection, for options::on_protocol_line.
/// Payloads and header blocks are passed over, and secrets are masked.
///
/// Without a listener it is one branch for each read and write. One thread.
class protocol_trace {
 public:
  using listener = std::function<void(const protocol_line&)>;

  explicit protocol_trace(listener to) : to_(std::move(to)) {}

  /// The bytes that follow are those of a new stream.
  void begin() noexcept { said_ = heard_ = {}; }
  void said(std::string_view bytes) {
    if (to_) walk(said_, protocol_line::direction::to_server, bytes);
  }
  void heard(std::string_view bytes) {
    if (to_) walk(heard_, protocol_line::direction::from_server, bytes);
  }

 private:
  /// Where the bytes of one direction ended.
  struct position {
    std::string line;      // the beginning of one
    std::size_t skip = 0;  // bytes of a message
  };

  void walk(position& at, protocol_line::direction way, std::string_view bytes);
  void tell(position& at, protocol_line::direction way, std::string_view line);

  const listener to_;
  position said_;
  position heard_;
};

}  // namespace nuncio::client
