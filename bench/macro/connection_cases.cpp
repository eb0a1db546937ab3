// Connections as such: what they cost to open, to keep, and to have around.
#include "cases.hpp"
#include "client.hpp"
#include "process_stats.hpp"
#include "streams.hpp"
#include "tls_layer.hpp"
#include "workload.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::bench {
namespace {

constexpr unsigned source_addresses = 200;
// A server may send a new connection a PING after about two seconds: 10,000 of them are an event of
// their own. This much later they are over.
constexpr double first_pings_s = 2.6;

unsigned source_of(std::size_t i) {
  return static_cast<unsigned>(i % source_addresses) + 1;
}

// Goes through INFO, CONNECT, PING, PONG on its own; afterwards it only answers PINGs.
class opening_client final : public client<opening_client> {
 public:
  opening_client(event_loop& loop, const endpoint& server, unsigned source, std::string commands)
      : client(loop, start_connection(server, source), false),
        server_(server),
        commands_(std::move(commands)) {}

  void on_info() {
    if (greeted_) return;  // a later INFO is news, not a greeting
    greeted_ = true;
    if (server_.speaks == transport::tls) to().start_tls(server_);
    text().append(connect_line).append(commands_).append("PING\r\n");
    commands_ = {};
  }
  void on_pong() {
    if (is_open()) fail("a second PONG");
    opened_at_ = now_ns();
  }
  bool is_open() const { return opened_at_ != 0; }
  nanoseconds time_to_open() const { return opened_at_ - started_at_; }

 private:
  const endpoint& server_;
  std::string commands_;
  nanoseconds started_at_ = now_ns();
  nanoseconds opened_at_ = 0;
  bool greeted_ = false;
};

using connections = std::vector<std::unique_ptr<opening_client>>;

// Each with one subscription, a few being opened at a time.
connections open_idle(event_loop& loop, const endpoint& server, std::size_t count) {
  constexpr std::size_t at_a_time = 64;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < count + 100) {
    fail("only " + std::to_string(limit.rlim_cur) + " open files are allowed");
  }
  connections all;
  std::vector<opening_client*> opening;
  const nanoseconds end = now_ns() + 300 * one_second;
  while (all.size() < count || !opening.empty()) {
    while (all.size() < count && opening.size() < at_a_time) {
      const std::size_t i = all.size();
      all.push_back(std::make_unique<opening_client>(loop, server, source_of(i),
                                                     "SUB idle." + std::to_string(i) + " 1\r\n"));
      opening.push_back(all.back().get());
    }
    loop.run_once(one_second / 100);
    std::erase_if(opening, [](const opening_client* c) { return c->is_open(); });
    if (now_ns() > end) fail("the connections don't get opened");
  }
  return all;
}

void run_for(event_loop& loop, nanoseconds duration) {
  const nanoseconds end = now_ns() + duration;
  for (nanoseconds now = now_ns(); now < end; now = now_ns()) loop.run_once(end - now);
}

}  // namespace

void run_idle(const options& o, result& into) {
  const std::size_t count = o.count_or(10'000);
  event_loop loop;
  measurement opening(o.pid);
  const std::uint64_t rss_before = process_memory(o.pid).rss;
  opening.start();
  const connections all = open_idle(loop, o.server, count);
  opening.stop();
  run_for(loop, one_second);
  const std::uint64_t rss_after = process_memory(o.pid).rss;

  measurement first_pings(o.pid);
  first_pings.start();
  run_for(loop, to_ns(first_pings_s));
  first_pings.stop();
  measurement idling(o.pid);
  idling.start();
  run_for(loop, to_ns(o.seconds_or(10)));
  idling.stop();
  std::size_t pings = 0;
  for (const auto& c : all) pings += c->pings();
  opening.report(into, count);
  into.add("rss_bytes_per_connection",
           (static_cast<double>(rss_after) - static_cast<double>(rss_before)) /
               static_cast<double>(count));
  into.add("first_ping_cpu_us_per_connection",
           static_cast<double>(first_pings.server_cpu()) / 1e3 / static_cast<double>(count));
  into.add("idle_cpu_ms_per_second",
           static_cast<double>(idling.server_cpu()) / 1e6 / idling.seconds());
  into.add("pings", static_cast<double>(pings));
}

void run_mixed(const options& o, result& into) {
  event_loop loop;
  const connections idle = open_idle(loop, o.server, o.count_or(10'000));
  run_for(loop, to_ns(first_pings_s));
  workload work(loop, o);
  streams all(work, loop);
  all.add_receiver(o.server, "foo", 1);
  all.feed(add_stream_publisher(work, o.server, "foo", o.size), 0);
  work.run(o.seconds_or(3), into);
}

void run_connect(const options& o, result& into) {
  event_loop loop;
  constexpr std::size_t at_a_time = 16;
  connections slots(at_a_time);
  std::size_t started = 0;
  std::uint64_t opened = 0;
  latencies times;
  const auto run_until = [&](nanoseconds end) {
    for (nanoseconds now = now_ns(); now < end; now = now_ns()) {
      for (auto& slot : slots) {
        if (slot && slot->is_open()) {
          times.record(slot->time_to_open());
          ++opened;
          slot.reset();
        }
        if (!slot) {
          slot = std::make_unique<opening_client>(loop, o.server, source_of(started++), "");
        }
      }
      loop.run_once(end - now);
    }
  };
  run_until(now_ns() + to_ns(o.warm_up));
  opened = 0;
  times.clear();
  const handshake_counts handshakes_before =
      o.server.tls == nullptr ? handshake_counts{} : handshakes_of(*o.server.tls);
  measurement measured(o.pid);
  measured.start();
  run_until(now_ns() + to_ns(o.seconds_or(3)));
  measured.stop();
  measured.report(into, opened);
  if (o.server.tls != nullptr) {
    const handshake_counts handshakes = handshakes_of(*o.server.tls);
    const auto share = static_cast<double>(handshakes.resumed - handshakes_before.resumed) /
                       static_cast<double>(handshakes.all - handshakes_before.all);
    if (o.resumes && share < 0.99) fail("only " + std::to_string(share) + " of them were resumed");
    into.add("resumed_share", share);
  }
  times.report(into);
}

}  // namespace nuncio::bench
