#pragma once

#include <cstdint>
#include <string_view>

/// One struct of views per operation of the protocol. The views point into the bytes that were
/// parsed and die with them.
namespace nuncio::protocol::ops {

/// PUB and HPUB.
struct pub {
  std::string_view subject;       ///< where it is published
  std::string_view reply;         ///< empty where there is none
  std::string_view header_text;   ///< the header size as it was written; empty for PUB
  std::string_view size_text;     ///< the total size as it was written, leading zeros and all
  std::string_view body;          ///< header block and payload, without the final CRLF
  std::uint32_t header_size = 0;  ///< bytes of the header block at the beginning of `body`
  /// `[reply ][header size ]size CRLF body CRLF` as the publisher wrote it, which is what a
  /// subscriber must see after `MSG <subject> <sid> `. Empty if the publisher's spelling can't be
  /// passed on (tabs, doubled blanks, a bare LF, a header size of 0): see render_tail().
  std::string_view tail;

  /// Whether it is HPUB.
  [[nodiscard]] bool has_header() const noexcept { return header_size != 0; }
};

/// SUB.
struct sub {
  std::string_view subject;  ///< a pattern
  std::string_view queue;    ///< empty for a plain subscription
  std::string_view sid;      ///< the client's own name for it
};

/// UNSUB.
struct unsub {
  std::string_view sid;  ///< of the subscription
  std::int64_t max = 0;  ///< 0: at once
};

}  // namespace nuncio::protocol::ops
