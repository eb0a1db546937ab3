#pragma once

#include "staging.hpp"

#include <nuncio/protocol/parser.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace nuncio::server {

/// What follows `MSG <subject> <sid> ` where the publisher's own bytes can't be used. Short texts
/// are copied at once, so one string serves them all; long ones are lent and stay until the batch
/// ends. Keeps its memory, within limits, so that a steady stream of such messages allocates
/// nothing.
class rendered_tails {
 public:
  /// Payloads from here on are named, not copied, until the batch ends.
  static constexpr std::size_t lend_from = 2048;

  std::string_view whole(const protocol::ops::pub& op) {
    std::string& text = begin(short_[0]);
    protocol::render_tail(op, text);
    return finish(text);
  }
  /// Without the header block.
  std::string_view stripped(const protocol::ops::pub& op) {
    std::string& text = begin(short_[1]);
    protocol::render_stripped_tail(op, text);
    return finish(text);
  }
  /// A copy that stays until the batch ends.
  std::string& keep(std::string_view text) {
    std::string& slot = next();
    slot.assign(text);
    return slot;
  }

  void end_batch() {
    if (used_ == 0) return;
    if (kept_.size() > most_kept) kept_.resize(most_kept);
    for (std::size_t i = 0; i < used_ && i < kept_.size(); ++i) {
      if (kept_[i].capacity() > largest_kept) std::string{}.swap(kept_[i]);
    }
    used_ = 0;
  }

 private:
  static constexpr std::size_t most_kept = 128;
  static constexpr std::size_t largest_kept = 16 * 1024;

  static std::string& begin(std::string& text) {
    text.clear();
    text.reserve(staging_pool::slack);  // who copies in fixed steps may read behind the end
    return text;
  }
  std::string_view finish(std::string& text) {
    if (text.size() < lend_from) return text;
    std::string& slot = next();
    slot.swap(text);
    return slot;
  }
  std::string& next() {
    if (used_ == kept_.size()) kept_.emplace_back();
    return kept_[used_++];
  }

  std::array<std::string, 2> short_;
  std::deque<std::string> kept_;  // references into it stay
  std::size_t used_ = 0;
};

}  // namespace nuncio::server
