#pragma once

#include <nuncio/protocol/rpc.hpp>

#include <algorithm>
#include <cstdint>

namespace nuncio::rpc {

using protocol::rpc_amount;

/// What a sender of items may still send.
///
/// Pure. Source: docs/rpc-wire.md, section 6.
class send_credit {
 public:
  [[nodiscard]] const rpc_amount& sent() const noexcept { return sent_; }
  /// An item of any size may go.
  [[nodiscard]] bool has_any() const noexcept {
    return sent_.frames < limit_.frames && sent_.bytes < limit_.bytes;
  }
  /// True if the next item must say its number: the first one, and the first after half a window.
  [[nodiscard]] bool is_mark_due() const noexcept {
    return sent_.frames == 0 || sent_.frames - marked_.frames >= (window_.frames + 1) / 2 ||
           sent_.bytes - marked_.bytes >= (window_.bytes + 1) / 2;
  }
  void note_mark() noexcept { marked_ = sent_; }
  void note_sent(std::uint64_t bytes) noexcept {
    ++sent_.frames;
    sent_.bytes += bytes;
  }
  /// What the receiver says. Older words than the newest change nothing.
  /// Errors:  false if it claims to have taken more than was sent.
  [[nodiscard]] bool grant(const rpc_amount& taken, const rpc_amount& window) noexcept {
    if (taken.frames > sent_.frames || taken.bytes > sent_.bytes) return false;
    if (taken.frames < taken_.frames || taken.bytes < taken_.bytes) return true;
    taken_ = taken;
    window_ = window;
    limit_ = {plus(taken.frames, window.frames), plus(taken.bytes, window.bytes)};
    return true;
  }

 private:
  static std::uint64_t plus(std::uint64_t a, std::uint64_t b) noexcept {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
  }

  rpc_amount sent_;
  rpc_amount taken_;
  rpc_amount window_;
  rpc_amount limit_;   // of what may be sent in all
  rpc_amount marked_;  // sent before the last item that said its number
};

/// What a receiver of items has got, has handed on and allows.
///
/// Pure. Source: docs/rpc-wire.md, section 6.
class receive_window {
 public:
  explicit receive_window(const rpc_amount& window) noexcept : window_(window), allowed_(window) {}

  [[nodiscard]] const rpc_amount& received() const noexcept { return received_; }
  [[nodiscard]] const rpc_amount& taken() const noexcept { return taken_; }
  [[nodiscard]] const rpc_amount& window() const noexcept { return window_; }
  /// False if the sender had no credit for one more item.
  [[nodiscard]] bool allows_another() const noexcept {
    return received_.frames < allowed_.frames && received_.bytes < allowed_.bytes;
  }
  void note_received(std::uint64_t bytes) noexcept {
    ++received_.frames;
    received_.bytes += bytes;
  }
  /// True if the sender should hear of it.
  [[nodiscard]] bool note_taken(std::uint64_t bytes) noexcept {
    ++taken_.frames;
    taken_.bytes += bytes;
    return taken_.frames - told_.frames >= (window_.frames + 1) / 2 ||
           taken_.bytes - told_.bytes >= (window_.bytes + 1) / 2;
  }
  void set_bytes(std::uint64_t bytes) noexcept { window_.bytes = bytes; }
  /// The sender is told now.
  void note_told() noexcept {
    told_ = taken_;
    allowed_.frames = std::max(allowed_.frames, taken_.frames + window_.frames);
    allowed_.bytes = std::max(allowed_.bytes, taken_.bytes + window_.bytes);
  }

 private:
  rpc_amount window_;
  rpc_amount received_;
  rpc_amount taken_;
  rpc_amount told_;
  rpc_amount allowed_;  // in all; never less than was once allowed
};

}  // namespace nuncio::rpc
