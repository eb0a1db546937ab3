// manysubj: one publisher over 100,000 subjects, matched by wildcards and literals.
#include "cases.hpp"
#include "client.hpp"
#include "workload.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::bench {
namespace {

// Subject number (a * 100 + b) * 10 + c is foo.<a>.bar.<b>.<c>.
constexpr std::size_t subject_count = 100'000;
constexpr std::size_t a_of(std::size_t subject) {
  return subject / 1000;
}
constexpr std::size_t b_of(std::size_t subject) {
  return subject / 10 % 100;
}
constexpr std::size_t c_of(std::size_t subject) {
  return subject % 10;
}

// The mixed order they are published in: a stride that has no factor in common with their number.
constexpr std::size_t subject_at(std::uint64_t message) {
  return message % subject_count * 48'271 % subject_count;
}

// Sids tell what is subscribed to; they go to the four connections in turn.
constexpr std::size_t connection_count = 4;
constexpr std::size_t sid_of_all = 1;
constexpr std::size_t first_sid_by_a = 2;
constexpr std::size_t first_sid_by_b = first_sid_by_a + 100;
constexpr std::size_t first_literal_sid = first_sid_by_b + 100;
constexpr std::size_t first_idle_sid = first_literal_sid + subject_count / 10;
constexpr std::size_t sid_end = first_idle_sid + 1000;

std::string subject_text(std::size_t subject) {
  return "foo." + std::to_string(a_of(subject)) + ".bar." + std::to_string(b_of(subject)) + "." +
         std::to_string(c_of(subject));
}

std::string filter_of(std::size_t sid) {
  if (sid == sid_of_all) return "foo.*.bar.>";
  if (sid < first_sid_by_b) return "foo." + std::to_string(sid - first_sid_by_a) + ".bar.>";
  if (sid < first_literal_sid) return "foo.*.bar." + std::to_string(sid - first_sid_by_b) + ".*";
  if (sid < first_idle_sid) return subject_text((sid - first_literal_sid) * 10);
  return "other.*.bar." + std::to_string(sid - first_idle_sid) + ".>";
}

bool matches(std::size_t sid, std::size_t subject) {
  if (sid == sid_of_all) return true;
  if (sid < first_sid_by_b) return a_of(subject) == sid - first_sid_by_a;
  if (sid < first_literal_sid) return b_of(subject) == sid - first_sid_by_b;
  return sid < first_idle_sid && subject == (sid - first_literal_sid) * 10;
}

// Exactly once: per subscription the numbers only grow and the subjects match, and all
// subscriptions together got as many as they should have.
class wildcard_receiver final : public client<wildcard_receiver> {
 public:
  wildcard_receiver(event_loop& loop, connection to, const std::vector<std::string>& subjects)
      : client(loop, std::move(to), false), subjects_(subjects), next_(sid_end) {}

  void on_message(const message& m) {
    const std::uint64_t number = m.stamp & stamp_number_mask;
    const std::size_t subject = subject_at(number);
    if (m.sid >= sid_end || !matches(m.sid, subject) || m.subject != subjects_[subject]) {
      fail("message " + std::to_string(number) + " to " + subjects_[subject] + " came as " +
           std::string(m.subject) + " by subscription " + std::to_string(m.sid));
    }
    if (number < next_[m.sid] || number + 1 < received_) {
      fail("message " + std::to_string(number) + " came twice or late by subscription " +
           std::to_string(m.sid));
    }
    next_[m.sid] = number + 1;
    received_ = number + 1;
    ++delivered_;
  }
  // Each connection gets a share of every few messages, so the latest tells how far it is.
  const std::uint64_t& received() const { return received_; }
  std::uint64_t delivered() const { return delivered_; }

 private:
  const std::vector<std::string>& subjects_;
  std::vector<std::uint64_t> next_;  // by sid
  std::uint64_t received_ = 0;
  std::uint64_t delivered_ = 0;
};

std::uint64_t literals_among(std::uint64_t published) {
  static_assert(subject_count % 10 == 0);
  std::uint64_t count = published / subject_count * (subject_count / 10);
  for (std::uint64_t i = 0; i < published % subject_count; ++i) count += subject_at(i) % 10 == 0;
  return count;
}

}  // namespace

void run_manysubj(const options& o, result& into) {
  std::vector<std::string> subjects;
  for (std::size_t i = 0; i < subject_count; ++i) subjects.push_back(subject_text(i));

  event_loop loop;
  workload work(loop, o);
  std::vector<std::unique_ptr<wildcard_receiver>> receivers;
  for (std::size_t i = 0; i < connection_count; ++i) {
    std::string commands;
    for (std::size_t sid = 1; sid < sid_end; ++sid) {
      if (sid % connection_count != i) continue;
      commands += "SUB " + filter_of(sid) + " " + std::to_string(sid) + "\r\n";
    }
    receivers.push_back(
        std::make_unique<wildcard_receiver>(loop, open_client(o.server, commands), subjects));
  }
  batch_ring ring;
  for (std::size_t i = 0; i < subject_count; ++i) {
    ring.append(pub_line(subjects[subject_at(i)], o.size), o.size);
  }
  publisher& from = work.add_publisher(open_client(o.server), std::move(ring));
  for (const auto& r : receivers) from.follow(r->received());

  work.count_deliveries(
      [&] {
        std::uint64_t sum = 0;
        for (const auto& r : receivers) sum += r->delivered();
        return sum;
      },
      [&] { return 3 * work.published() + literals_among(work.published()); });
  work.run(o.seconds_or(3), into);
}

}  // namespace nuncio::bench
