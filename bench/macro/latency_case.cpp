// lat: an open loop. A message is stamped with the time it was due, so that whatever delays it, the
// generator's own lateness included, counts.
#include "cases.hpp"
#include "client.hpp"
#include "guessers.hpp"
#include "publisher.hpp"
#include "result.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <string>

namespace nuncio::bench {
namespace {

class paced_publisher final : public client<paced_publisher> {
 public:
  paced_publisher(event_loop& loop, const endpoint& server, std::size_t payload_size, double rate)
      : client(loop, open_client(server), false),
        line_(pub_line("foo", payload_size)),
        rest_(std::string(payload_size - 16, filler) + "\r\n"),
        rate_(rate) {}

  void start(nanoseconds now) { started_ = now; }
  nanoseconds next_due() const {
    return started_ + static_cast<nanoseconds>(static_cast<double>(published_) * 1e9 / rate_);
  }
  void publish_due(nanoseconds now) {
    for (nanoseconds due = next_due(); due <= now; due = next_due()) {
      char stamps[16];
      const std::uint64_t number = published_++;
      std::memcpy(stamps, &number, 8);
      std::memcpy(stamps + 8, &due, 8);
      text().append(line_).append(stamps, sizeof stamps).append(rest_);
    }
    flush();
  }
  std::uint64_t published() const { return published_; }

 private:
  std::string line_;
  std::string rest_;
  double rate_;
  nanoseconds started_ = 0;
  std::uint64_t published_ = 0;
};

class timing_receiver final : public client<timing_receiver> {
 public:
  timing_receiver(event_loop& loop, const endpoint& server)
      : client(loop, open_client(server, "SUB foo 1\r\n"), true) {}

  void on_message(const message& m) {
    if (m.stamp != received_) {
      fail("message " + std::to_string(m.stamp) + " came where " + std::to_string(received_) +
           " was next");
    }
    ++received_;
    times_.record(now_ns() - static_cast<nanoseconds>(m.second));
  }
  std::uint64_t received() const { return received_; }
  latencies& times() { return times_; }

 private:
  std::uint64_t received_ = 0;
  latencies times_;
};

void publish_until(event_loop& loop,
                   paced_publisher& from,
                   const timing_receiver& to,
                   guessers& guessing,
                   nanoseconds end) {
  for (nanoseconds now = now_ns(); now < end; now = now_ns()) {
    from.publish_due(now);
    guessing.work(now);
    loop.run_once(std::min(end, from.next_due()) - now_ns());
  }
  while (to.received() < from.published()) {
    loop.run_once(one_second / 100);
    if (now_ns() > end + 10 * one_second) fail("messages are lost");
  }
}

}  // namespace

void run_lat(const options& o, result& into) {
  // Timers by default fire up to 50 us late.
  if (::prctl(PR_SET_TIMERSLACK, 1) != 0) fail_by_errno("prctl");
  event_loop loop;
  timing_receiver to(loop, o.server);
  paced_publisher from(loop, o.server, o.size, o.rate);
  guessers guessing(loop, o.server, o.guesses);
  const nanoseconds start = now_ns();
  from.start(start);
  guessing.start(start);
  publish_until(loop, from, to, guessing, start + to_ns(o.warm_up));
  to.times().clear();
  const std::uint64_t before = to.received();
  const std::uint64_t begun = guessing.begun();
  const std::uint64_t judged = guessing.judged();
  measurement measured(o.pid);
  measured.start();
  publish_until(loop, from, to, guessing, now_ns() + to_ns(o.seconds_or(10)));
  measured.stop();
  measured.report(into, to.received() - before);
  to.times().report(into);
  if (o.guesses > 0) {
    into.add("guesses_per_second", measured.per_second(guessing.begun() - begun));
    into.add("judged_per_second", measured.per_second(guessing.judged() - judged));
  }
}

}  // namespace nuncio::bench
