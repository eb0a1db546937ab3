#pragma once

#include <chrono>
#include <cstdint>

namespace nuncio::rpc {

/// How much of a stream may lie at its receiver without having been taken.
struct stream_window {
  std::uint64_t items = 256;           ///< that wait
  std::uint64_t bytes = 256UL * 1024;  ///< of payloads; the last item may go beyond it by itself
};

/// What streams do while nothing is said, and how much waits; at either end.
/// Source: docs/rpc-wire.md, section 6.
struct stream_options {
  /// What the other end may send before something is taken. All streams of a connection together
  /// stay under 16 MiB: when there are many, each gets less.
  stream_window window;
  /// A caller whose stream is silent for this long asks whether anybody is there; a service after
  /// a quarter more.
  std::chrono::milliseconds ping_after{30'000};
  int max_unanswered = 3;  ///< pings without an answer that end a stream
};

/// What a service bounds its streams by, besides.
struct served_stream_options : stream_options {
  std::chrono::milliseconds max_age{24 * 3'600'000};  ///< then a stream ends with UNAVAILABLE
  std::chrono::milliseconds max_idle{3'600'000};      ///< without an item in either direction
  /// What callers that know nothing of flow control get at most of an endpoint that streams items.
  ///@{
  std::uint64_t classic_items = 10'000;
  std::uint64_t classic_bytes = 64UL * 1024 * 1024;
  std::chrono::milliseconds classic_age{60'000};
  ///@}
};

/// What a caller bounds its streams by, besides.
struct called_stream_options : stream_options {
  /// For a service to take the call.
  std::chrono::milliseconds accept_within{3000};
  /// For the next item of a service that knows nothing of streams; then DEADLINE_EXCEEDED.
  std::chrono::milliseconds classic_silence{60'000};
};

}  // namespace nuncio::rpc
