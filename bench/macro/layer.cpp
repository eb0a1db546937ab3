#include "layer.hpp"

#include "socket.hpp"

#include <algorithm>
#include <utility>

namespace nuncio::bench {

std::size_t layer::send_some(std::string_view bytes) {
  if (!flush()) return 0;
  if (taken_ == 0) {
    taken_ = encode(bytes.substr(0, std::min(bytes.size(), largest_piece)), unsent_);
    if (!flush()) return 0;
  }
  return std::exchange(taken_, 0);
}

bool layer::flush() {
  while (has_unsent()) {
    const std::size_t n = bench::send_some(fd_, std::string_view(unsent_).substr(sent_));
    if (n == 0) return false;
    sent_ += n;
  }
  unsent_.clear();
  sent_ = 0;
  return true;
}

}  // namespace nuncio::bench
