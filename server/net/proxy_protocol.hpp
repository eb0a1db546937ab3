#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nuncio::server {

/// Reads the header that a proxy puts before a connection, to say who is behind it. Pure: bytes in,
/// an address out; whatever a peer sends, it keeps no more than a line of 107 bytes.
///
/// Source: haproxy, proxy-protocol.txt; where that leaves a choice, nats-server 2.15.2,
/// server/client_proxyproto.go.
class proxy_header {
 public:
  enum class state : std::uint8_t {
    more,       ///< the header isn't over
    absent,     ///< there is none: not one of the bytes has been taken
    complete,   ///< all of it has been taken, and nothing that follows
    malformed,  ///< it begins like one and goes on otherwise: see objection()
  };
  struct progress {
    state now = state::more;
    std::size_t taken = 0;  ///< of the bytes that were given; the others are to be given again
    /// With `more`: bytes, after those taken, that make another call worthwhile; some may be beyond
    /// the end of the header.
    std::size_t needed = 1;
  };

  /// Goes on with the bytes that follow those taken so far.
  progress feed(std::string_view bytes);

  /// Of a complete one: who is behind the proxy. Nothing: the connection is the proxy's own, or it
  /// can't say.
  [[nodiscard]] const std::optional<boost::asio::ip::tcp::endpoint>& source() const noexcept {
    return source_;
  }
  /// Why it is malformed.
  [[nodiscard]] std::string_view objection() const noexcept { return objection_; }

 private:
  enum class form : std::uint8_t { unknown, text, fixed_part, addresses, ignored };

  static constexpr std::size_t longest_line = 107;

  progress feed_text(std::string_view bytes);
  progress feed_binary(std::string_view bytes);
  void read_line(std::string_view line);
  void read_fixed_part();
  void read_addresses();
  std::size_t keep(std::string_view bytes, std::size_t most);
  void object(std::string_view why);
  [[nodiscard]] progress progress_after(std::size_t taken) const noexcept;

  form form_ = form::unknown;
  state state_ = state::more;
  std::array<char, longest_line> kept_{};
  std::size_t size_ = 0;   // of what is kept
  std::size_t least_ = 0;  // bytes of the part of the second form that is being kept
  std::size_t left_ = 0;   // bytes of the second form behind its fixed part
  std::string_view objection_;
  std::optional<boost::asio::ip::tcp::endpoint> source_;
};

}  // namespace nuncio::server
