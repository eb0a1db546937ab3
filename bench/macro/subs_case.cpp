// subs: very many literal subscriptions; what they cost to make, to keep, to hit and to remove.
#include "cases.hpp"
#include "client.hpp"
#include "process_stats.hpp"
#include "workload.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace nuncio::bench {
namespace {

constexpr std::size_t connection_count = 10;
constexpr std::size_t most_targets = 200'000;

// Subscription i lives on connection i % 10 under sid i / 10 + 1.
std::size_t connection_of(std::size_t i) {
  return i % connection_count;
}
std::size_t sid_of(std::size_t i) {
  return i / connection_count + 1;
}

std::string subject_of(std::size_t i) {
  const std::string a = std::to_string(10'000 + i * 7919 % 1000);
  const std::string n = std::to_string(1'000'000 + i);
  switch (i % 3) {
    case 0:
      return "orders." + a + "." + n;
    case 1:
      return "dev." + a + ".temp." + n;
    default:
      return "site." + a + ".room." + n + ".state";
  }
}

// The subscriptions that are published to, in that order: checking walks through them.
struct target {
  std::uint32_t subscription;
  std::uint32_t subject_size;
  std::array<char, 32> subject;
};

std::vector<target> pick_targets(std::size_t subscriptions) {
  std::vector<std::uint32_t> order(subscriptions);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(2718));
  order.resize(std::min(order.size(), most_targets));
  std::vector<target> targets;
  for (const std::uint32_t i : order) {
    const std::string subject = subject_of(i);
    target t{i, static_cast<std::uint32_t>(subject.size()), {}};
    if (subject.size() > t.subject.size()) fail("a subject of more than 32 bytes: " + subject);
    std::copy(subject.begin(), subject.end(), t.subject.begin());
    targets.push_back(t);
  }
  return targets;
}

class holder final : public client<holder> {
 public:
  // All holders count into one number: between them they get every message once.
  holder(event_loop& loop,
         connection to,
         std::size_t index,
         const std::vector<target>& targets,
         std::uint64_t& delivered)
      : client(loop, std::move(to), false),
        index_(index),
        targets_(targets),
        delivered_(delivered) {}

  void say(const std::string& commands) {
    text() += commands;
    text() += "PING\r\n";
    ++asked_;
    flush();
  }
  bool is_answered() const { return asked_ == answered_; }
  void on_pong() { ++answered_; }

  void on_message(const message& m) {
    const std::uint64_t number = m.stamp & stamp_number_mask;
    const target& t = targets_[number % targets_.size()];
    if (number < next_) fail("message " + std::to_string(number) + " came twice or late");
    if (connection_of(t.subscription) != index_ || sid_of(t.subscription) != m.sid ||
        m.subject != std::string_view(t.subject.data(), t.subject_size)) {
      fail("message " + std::to_string(number) + " came as " + std::string(m.subject) +
           " by subscription " + std::to_string(m.sid) + " of connection " +
           std::to_string(index_));
    }
    next_ = number + 1;
    ++delivered_;
  }

 private:
  std::size_t index_;
  const std::vector<target>& targets_;
  std::uint64_t& delivered_;
  std::size_t asked_ = 0;
  std::size_t answered_ = 0;
  std::uint64_t next_ = 0;
};

using holders = std::vector<std::unique_ptr<holder>>;

// All connections say their commands at once; measured until the last has its answer.
void say_all(event_loop& loop,
             const holders& all,
             std::vector<std::string> commands,
             measurement& measured) {
  measured.start();
  for (std::size_t i = 0; i < all.size(); ++i) all[i]->say(commands[i]);
  const nanoseconds end = now_ns() + 300 * one_second;
  while (!std::all_of(all.begin(), all.end(), [](const auto& h) { return h->is_answered(); })) {
    loop.run_once(one_second / 100);
    if (now_ns() > end) fail("the commands were not answered");
  }
  measured.stop();
}

}  // namespace

void run_subs(const options& o, result& into) {
  const std::size_t count = o.count_or(1'000'000);
  const auto per_subscription = [count](double total) {
    return total / static_cast<double>(count);
  };
  const std::vector<target> targets = pick_targets(count);

  event_loop loop;
  workload work(loop, o);
  std::uint64_t delivered = 0;
  holders all;
  std::vector<std::string> subs(connection_count);
  std::vector<std::string> unsubs(connection_count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string sid = std::to_string(sid_of(i));
    subs[connection_of(i)] += "SUB " + subject_of(i) + " " + sid + "\r\n";
    unsubs[connection_of(i)] += "UNSUB " + sid + "\r\n";
  }
  for (std::size_t i = 0; i < connection_count; ++i) {
    all.push_back(std::make_unique<holder>(loop, open_client(o.server), i, targets, delivered));
  }

  measurement inserting(o.pid);
  const std::uint64_t rss_before = process_memory(o.pid).rss;
  say_all(loop, all, std::move(subs), inserting);
  const std::uint64_t rss_after = process_memory(o.pid).rss;
  into.add("inserts_per_second", inserting.per_second(count));
  into.add("server_cpu_ns_per_insert", inserting.server_cpu_per(count));
  into.add("rss_bytes_per_subscription",
           per_subscription(static_cast<double>(rss_after) - static_cast<double>(rss_before)));

  batch_ring ring;
  for (const target& t : targets) {
    ring.append(pub_line({t.subject.data(), t.subject_size}, o.size), o.size);
  }
  publisher& from = work.add_publisher(open_client(o.server), std::move(ring));
  from.follow(delivered);
  work.count_deliveries([&] { return delivered; }, [&] { return work.published(); });
  work.run(o.seconds_or(3), into);

  measurement removing(o.pid);
  say_all(loop, all, std::move(unsubs), removing);
  into.add("removals_per_second", removing.per_second(count));
  into.add("server_cpu_ns_per_removal", removing.server_cpu_per(count));
}

}  // namespace nuncio::bench
