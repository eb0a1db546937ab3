#pragma once

#include "net/stream.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace nuncio::test {

/// What is below a stream under test: gives what it was given, in reads of at most so much.
class given_bytes final : public server::stream {
 public:
  given_bytes(std::string bytes, std::size_t most) : bytes_(std::move(bytes)), most_(most) {}

  result read(std::span<char> into) override {
    ++reads;
    const auto size = std::min({into.size(), most_, bytes_.size() - at_});
    if (size == 0) return {0, status::would_block};
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), size, into.begin());
    at_ += size;
    return {size, size < into.size() ? status::drained : status::more};
  }
  result write(const iovec*, std::size_t) override { return {}; }
  void wait_readable(server::stream_events&) override {}
  void wait_writable(server::stream_events&) override {}
  void cancel_waits() override {}
  void leave_loop() override {}
  void join_loop(boost::asio::io_context&) override {}
  void shutdown() override {}
  [[nodiscard]] bool is_direct() const noexcept override { return true; }

  int reads = 0;

 private:
  const std::string bytes_;
  const std::size_t most_;
  std::size_t at_ = 0;
};

/// Of the heap; under sanitizers always 0.
inline std::size_t bytes_in_use() {
  const auto now = ::mallinfo2();
  return now.uordblks + now.hblkhd;
}

}  // namespace nuncio::test
