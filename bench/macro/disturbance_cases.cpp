// One stream, and something beside it that should not disturb it.
#include "cases.hpp"
#include "process_stats.hpp"
#include "streams.hpp"
#include "workload.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace nuncio::bench {
namespace {

// Subscribes and unsubscribes as fast as it is let: the next round begins with the answer.
class churner final : public client<churner> {
 public:
  churner(event_loop& loop, const endpoint& server, std::size_t index)
      : client(loop, open_client(server), false) {
    const std::string subject = "churn." + std::to_string(index);
    for (std::size_t i = 0; i < pairs_per_round; ++i) {
      const std::string sid = std::to_string(i + 1);
      round_ += "SUB " + subject + " " + sid + "\r\nUNSUB " + sid + "\r\n";
    }
    round_ += "PING\r\n";
  }
  void start() {
    text() += round_;
    flush();
  }
  void on_pong() {
    pairs_ += pairs_per_round;
    text() += round_;
  }
  std::uint64_t pairs() const { return pairs_; }

 private:
  static constexpr std::size_t pairs_per_round = 64;
  std::string round_;
  std::uint64_t pairs_ = 0;
};

std::uint16_t own_port(int fd) {
  sockaddr_in a{};
  socklen_t size = sizeof a;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) != 0) fail_by_errno("getsockname");
  return ntohs(a.sin_port);
}

// Whether the server still holds its end of the connection to our port. With our receive window
// shut its FIN can't reach us, so our own socket doesn't tell.
bool server_holds(std::uint16_t server_port, std::uint16_t port) {
  constexpr unsigned established = 1;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(table);
    std::string line;
    while (std::getline(in, line)) {
      std::istringstream words(line);
      std::string slot, local, remote, state;
      words >> slot >> local >> remote >> state;
      const auto port_of = [](const std::string& address) {
        const auto colon = address.rfind(':');
        return colon == std::string::npos ? 0UL
                                          : std::stoul(address.substr(colon + 1), nullptr, 16);
      };
      if (port_of(local) == server_port && port_of(remote) == port) {
        return std::stoul(state, nullptr, 16) == established;
      }
    }
  }
  return false;
}

// How evenly a count grows: the longest time without growth and the slowest whole second.
class growth_watch {
 public:
  growth_watch(std::uint64_t count, nanoseconds now)
      : count_(count), since_(now), second_count_(count), second_start_(now) {}

  void look(std::uint64_t count, nanoseconds now) {
    longest_ = std::max(longest_, now - since_);
    if (count != count_) since_ = now;
    count_ = count;
    if (now - second_start_ >= one_second) {
      const double rate =
          static_cast<double>(count - second_count_) / to_seconds(now - second_start_);
      slowest_rate_ = std::min(slowest_rate_, rate);
      second_count_ = count;
      second_start_ = now;
    }
  }
  nanoseconds longest_gap() const { return longest_; }
  double slowest_rate() const { return slowest_rate_; }  // infinite in less than a second

 private:
  std::uint64_t count_;
  nanoseconds since_;
  std::uint64_t second_count_;
  nanoseconds second_start_;
  nanoseconds longest_ = 0;
  double slowest_rate_ = std::numeric_limits<double>::infinity();
};

}  // namespace

void run_churn(const options& o, result& into) {
  event_loop loop;
  workload work(loop, o);
  streams all(work, loop);
  all.add_receiver(o.server, "foo", 1);
  all.feed(add_stream_publisher(work, o.server, "foo", o.size), 0);
  std::vector<std::unique_ptr<churner>> churners;
  for (std::size_t i = 0; i < o.count_or(8); ++i) {
    churners.push_back(std::make_unique<churner>(loop, o.server, i));
    churners.back()->start();
  }
  const auto pairs = [&churners] {
    std::uint64_t sum = 0;
    for (const auto& c : churners) sum += c->pairs();
    return sum;
  };
  work.warm_up();
  const std::uint64_t messages = work.delivered();
  const std::uint64_t pairs_before = pairs();
  work.measured().start();
  work.publish_for(to_ns(o.seconds_or(3)));
  work.drain();
  work.measured().stop();
  work.measured().report(into, work.delivered() - messages);
  into.add("sub_unsub_pairs_per_second", work.measured().per_second(pairs() - pairs_before));
}

void run_slow(const options& o, result& into) {
  event_loop loop;
  workload work(loop, o);
  streams all(work, loop);
  publisher& from = add_stream_publisher(work, o.server, "foo", o.size);
  for (std::size_t i = 0; i < o.subscribers; ++i) {
    all.add_receiver(o.server, "foo", 1);
    all.feed(from, i);
  }
  const std::size_t stalled = o.subscribers - 1;
  work.warm_up();

  // Before and after are compared by the same subscribers: those that go on reading.
  const int stalled_fd = all.at(stalled).fd();
  all.give_up(stalled);
  const nanoseconds before_time = to_ns(o.seconds_or(3));
  const nanoseconds after_time = 4 * before_time;
  std::uint64_t count = work.delivered();
  const nanoseconds start = now_ns();
  work.publish_for(before_time);
  const double before =
      static_cast<double>(work.delivered() - count) / to_seconds(now_ns() - start);

  loop.remove(stalled_fd);
  count = work.delivered();
  work.measured().start();
  const nanoseconds stall_start = now_ns();
  nanoseconds cut_off = -1;
  nanoseconds next_look = stall_start;
  growth_watch growth(count, stall_start);
  nanoseconds now = stall_start;
  for (; now < stall_start + after_time; now = now_ns()) {
    work.step(one_second / 100);
    growth.look(work.delivered(), now);
    if (cut_off < 0 && now >= next_look) {
      if (!server_holds(o.server.port, own_port(stalled_fd))) cut_off = now - stall_start;
      next_look = now + one_second / 10;
    }
  }
  work.measured().stop();
  const std::uint64_t messages = work.delivered() - count;
  work.measured().report(into, messages);
  into.add("rate_before", before);
  into.add("rate_kept", work.measured().per_second(messages) / before);
  into.add("longest_gap_ms", static_cast<double>(growth.longest_gap()) / 1e6);
  into.add("rate_kept_in_worst_second", growth.slowest_rate() / before);
  if (cut_off >= 0) into.add("cut_off_after_s", to_seconds(cut_off));
  work.drain();
}

}  // namespace nuncio::bench
