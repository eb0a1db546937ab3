#include "publisher.hpp"

#include <algorithm>

namespace nuncio::bench {

void batch_ring::append(std::string_view line, std::size_t payload_size) {
  const std::size_t wire = line.size() + payload_size + 2;
  if (batches_.empty() ||
      (batches_.back().bytes.size() + wire > batch_size && !batches_.back().bytes.empty())) {
    batches_.emplace_back();
    batches_.back().bytes.reserve(std::max(batch_size, wire));
  }
  batch& b = batches_.back();
  b.bytes += line;
  b.stamps.push_back(static_cast<std::uint32_t>(b.bytes.size()));
  b.bytes.append(payload_size, filler);
  b.bytes += "\r\n";
  bytes_ += wire;
  ++messages_;
}

void batch_ring::fill(std::string_view line, std::size_t payload_size) {
  const std::size_t wire = line.size() + payload_size + 2;
  const std::size_t fitting = std::max(std::size_t{1}, batch_size / wire);
  for (std::size_t i = 0; i < fitting; ++i) append(line, payload_size);
}

std::string pub_line(std::string_view subject, std::size_t payload_size) {
  return "PUB " + std::string(subject) + " " + std::to_string(payload_size) + "\r\n";
}

publisher::publisher(event_loop& loop, connection to, std::size_t index, batch_ring ring)
    : loop_(loop),
      connection_(std::move(to)),
      index_(index),
      ring_(std::move(ring)),
      window_(window_bytes / ring_.average_wire_size()) {
  // Edge-triggered: being full is frequent, and "writable" then comes without asking for it.
  loop_.add(connection_.fd(), EPOLLIN | EPOLLOUT | EPOLLET, *this);
}

void publisher::unfollow(const std::uint64_t& received) {
  std::erase(followers_, &received);
}

std::uint64_t publisher::slowest() const {
  std::uint64_t least = published_;
  for (const std::uint64_t* received : followers_) least = std::min(least, *received);
  return least;
}

void publisher::ask() {
  control_ += "PING\r\n";
  ++asked_;
}

bool publisher::pump() {
  if (full_) return false;
  if (at_ == current_size()) {
    if (!control_.empty()) {
      const std::size_t n = connection_.send_some(control_);
      control_.erase(0, n);
      full_ = !control_.empty();
      return !full_;
    }
    if (!publishing_ || published_ - slowest() >= window_) return false;
    start_next();
  }
  const std::string_view bytes = ring_.batches()[current_].bytes;
  const std::size_t n = connection_.send_some(bytes.substr(at_));
  at_ += n;
  full_ = n == 0;
  return !full_;
}

void publisher::start_next() {
  if (started_ && ++current_ == ring_.batches().size()) current_ = 0;
  started_ = true;
  at_ = 0;
  batch& next = ring_.batches()[current_];
  for (const std::uint32_t offset : next.stamps) {
    const std::uint64_t stamp = make_stamp(index_, published_++);
    std::memcpy(next.bytes.data() + offset, &stamp, sizeof stamp);
  }
}

void publisher::on_events(std::uint32_t events) {
  if (events & EPOLLOUT) full_ = false;
  // What comes here is an answer now and then, never as much as the buffer holds: one read is all.
  if (events & ~std::uint32_t{EPOLLOUT}) reader_.read_from(connection_, loop_, *this);
}

void publisher::on_control(std::string_view line) {
  if (line.starts_with("PING")) {
    control_ += "PONG\r\n";
  } else if (line.starts_with("PONG")) {
    ++answered_;
  } else if (line.starts_with("-ERR")) {
    fail("the server says " + std::string(line));
  }
}

}  // namespace nuncio::bench
