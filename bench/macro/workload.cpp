#include "workload.hpp"

#include <algorithm>

namespace nuncio::bench {
namespace {

constexpr nanoseconds longest_silence = 30 * one_second;
constexpr nanoseconds short_wait = one_second / 100;

}  // namespace

void workload::count_deliveries(std::function<std::uint64_t()> delivered,
                                std::function<std::uint64_t()> expected) {
  delivered_ = std::move(delivered);
  expected_ = std::move(expected);
}

publisher& workload::add_publisher(connection to, batch_ring ring) {
  publishers_.push_back(
      std::make_unique<publisher>(loop_, std::move(to), publishers_.size(), std::move(ring)));
  return *publishers_.back();
}

std::uint64_t workload::published() const {
  std::uint64_t sum = 0;
  for (const auto& p : publishers_) sum += p->published();
  return sum;
}

void workload::step(nanoseconds timeout) {
  bool can_write = false;
  for (const auto& p : publishers_) can_write |= p->pump();
  loop_.run_once(can_write ? 0 : timeout);
}

void workload::publish_for(nanoseconds duration) {
  for (const auto& p : publishers_) p->resume();
  const nanoseconds end = now_ns() + duration;
  for (nanoseconds now = now_ns(); now < end; now = now_ns()) {
    step(std::min(end - now, short_wait));
  }
}

bool workload::is_drained() const {
  return std::all_of(publishers_.begin(), publishers_.end(),
                     [](const auto& p) { return p->is_paused() && p->is_answered(); }) &&
         delivered_() >= expected_();
}

void workload::drain() {
  for (const auto& p : publishers_) {
    p->pause();
    if (answers_) p->ask();
  }
  std::uint64_t latest = delivered_();
  nanoseconds since = now_ns();
  while (!is_drained()) {
    step(short_wait);
    const nanoseconds now = now_ns();
    if (const std::uint64_t delivered = delivered_(); delivered != latest) {
      latest = delivered;
      since = now;
    } else if (now - since > longest_silence) {
      fail("messages are lost: " + std::to_string(delivered) + " of " +
           std::to_string(expected_()) + " were delivered, then nothing came");
    }
  }
  if (delivered_() != expected_()) {
    fail(std::to_string(delivered_()) + " messages were delivered instead of " +
         std::to_string(expected_()));
  }
}

void workload::warm_up() {
  publish_for(to_ns(options_.warm_up));
  drain();
}

std::uint64_t workload::run(double seconds, result& into) {
  warm_up();
  const std::uint64_t before = delivered();
  measured_.start();
  publish_for(to_ns(seconds));
  drain();
  measured_.stop();
  const std::uint64_t messages = delivered() - before;
  measured_.report(into, messages);
  step(short_wait);  // a copy too many would come now
  if (delivered() != before + messages) fail("a message came after all had been delivered");
  return messages;
}

}  // namespace nuncio::bench
