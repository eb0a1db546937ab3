// Streams under random trouble: both ends are the real state machine, the network between them and
// the programs at either end are made up. Frames are lost, late and doubled, ends die, reconnect
// and change their minds, and two instances take one call.
#include "rpc/stream_machine.hpp"
#include "seed.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using nuncio::rpc::code;
using nuncio::rpc::rpc_amount;
using nuncio::rpc::rpc_frame;
using nuncio::rpc::rpc_line;
using nuncio::rpc::status;
using nuncio::rpc::stream_machine;
using machine_time = stream_machine::time;

struct frame {
  std::optional<rpc_line> line;
  std::string payload;
  std::optional<status> failure;
  int from = 0;  // which instance, of the service's
};

/// Virtual time, and what happens in it.
class clock_work {
 public:
  void at(machine_time when, std::function<void()> what) {
    events_.push({std::max(when, now), next_++, std::move(what)});
  }
  void after(std::chrono::milliseconds pause, std::function<void()> what) {
    at(now + pause, std::move(what));
  }
  /// False if it goes on for too long.
  bool run() {
    while (!events_.empty()) {
      auto e = events_.top();
      events_.pop();
      now = e.when;
      if (now > machine_time{} + std::chrono::hours(1)) return false;
      e.what();
    }
    return true;
  }

  machine_time now{std::chrono::seconds(1)};

 private:
  struct event {
    machine_time when;
    std::uint64_t number = 0;
    std::function<void()> what;
    bool operator<(const event& other) const {
      return std::tie(when, number) > std::tie(other.when, other.number);
    }
  };
  std::priority_queue<event> events_;
  std::uint64_t next_ = 0;
};

/// What may go wrong in one schedule.
struct trouble {
  double loss = 0;
  double doubling = 0;
  bool is_imported = false;  // no 503 comes back
  bool caller_dies = false, service_dies = false;
  bool caller_reconnects = false, service_reconnects = false;
  bool caller_gives_up = false, service_fails = false;
  bool has_two_instances = false;
  bool is_quiet = true;  // none of it
};

class schedule;

/// An end: the machine and the program on it.
class end_point final : public stream_machine::actions {
 public:
  end_point(schedule& of, int which, const stream_machine::settings& set);

  void send(const rpc_line& line) override;
  void send_failure(const status& why) override;
  void deliver(std::string_view item) override;
  void on_peer_closed() override;
  void on_credit() override { go_on(); }
  void on_over(status how, bool keeps_items) override;
  std::uint64_t window_bytes(std::uint64_t now_granted) override { return now_granted; }

  void begin(const rpc_line& opening, const std::string& first);
  void get(const frame& f);
  void write();
  void read();
  void go_on();
  void watch();
  void die();
  void reconnect();
  void give_up();
  void program_ends();

  schedule& all;
  const int who;  // 0: the caller
  stream_machine machine;
  const rpc_amount window;
  std::vector<std::string> to_send;
  std::size_t sent = 0;
  std::deque<std::string> waiting;
  std::size_t waiting_bytes = 0;
  std::vector<std::string> got;
  std::optional<status> ended;
  int ends = 0;
  bool is_begun = false;  // a service: it got the opening
  bool is_dead = false;
  bool saw_peer_close = false;
  bool was_finished = false;  // the service said that it went well
  bool is_writing = false, is_reading = false;
  machine_time watched{};
};

class schedule {
 public:
  explicit schedule(std::uint64_t seed) : random(seed) {}

  int pick(int from, int to) { return std::uniform_int_distribution<>(from, to)(random); }
  bool with(double chance) { return std::bernoulli_distribution(chance)(random); }
  std::vector<std::string> items(int count) {
    std::vector<std::string> out;
    for (int i = 0; i < count; ++i) {
      out.push_back(with(0.1) ? ""
                              : std::to_string(i) +
                                    std::string(static_cast<std::size_t>(pick(0, 60)), '.'));
    }
    return out;
  }
  rpc_amount some_window() {
    return {.frames = static_cast<std::uint64_t>(pick(1, 8)),
            .bytes = static_cast<std::uint64_t>(with(0.3) ? pick(1, 60) : 10'000)};
  }

  void transmit(int from, int to, frame f) {
    auto& sender = *ends.at(static_cast<std::size_t>(from));
    if (sender.is_dead) return;
    f.from = from;
    const int copies = with(how.loss) ? 0 : with(how.doubling) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      auto& last = arrivals[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
      last = std::max(
          last, clock.now + std::chrono::milliseconds(with(0.05) ? pick(0, 400) : pick(0, 5)));
      const auto life = lives[static_cast<std::size_t>(to)];
      clock.at(last, [this, to, f, life] {
        // What was on its way to a connection that is gone is gone.
        if (life == lives[static_cast<std::size_t>(to)]) ends[static_cast<std::size_t>(to)]->get(f);
      });
    }
  }
  void no_responders(int to) {
    if (how.is_imported) return;
    clock.after(std::chrono::milliseconds(pick(0, 5)), [this, to] {
      auto& it = *ends[static_cast<std::size_t>(to)];
      if (it.is_dead) return;
      it.machine.on_no_responders();
    });
  }

  void prepare();
  void play();
  void check();

  std::mt19937_64 random;
  clock_work clock;
  trouble how;
  rpc_frame kind = rpc_frame::bidi;
  bool has_first = false;
  std::vector<std::unique_ptr<end_point>> ends;  // the caller, then instances
  machine_time arrivals[3][3] = {};
  int lives[3] = {};
  int accepted_by = 0;
};

end_point::end_point(schedule& of, int which, const stream_machine::settings& set)
    : all(of), who(which), machine(set, *this, of.clock.now), window(set.window) {}

void end_point::send(const rpc_line& line) {
  frame f{.line = line, .payload = {}, .failure = {}};
  if (who > 0) return all.transmit(who, 0, f);
  REQUIRE(all.accepted_by > 0);
  auto& to = *all.ends[static_cast<std::size_t>(all.accepted_by)];
  if (to.is_dead && line.frame == rpc_frame::ping) return all.no_responders(0);
  all.transmit(who, all.accepted_by, f);
}

void end_point::send_failure(const status& why) {
  CHECK(who > 0);
  all.transmit(who, 0, {.line = rpc_line{.frame = rpc_frame::end}, .payload = {}, .failure = why});
}

void end_point::deliver(std::string_view item) {
  CHECK_FALSE(ended);
  waiting.emplace_back(item);
  // A window is exceeded by one item at most.
  CHECK(waiting.size() <= window.frames);
  CHECK(waiting_bytes < window.bytes);
  waiting_bytes += item.size();
  read();
}

void end_point::on_peer_closed() {
  CHECK(who > 0);
  CHECK_FALSE(saw_peer_close);
  saw_peer_close = true;
  all.clock.after(0ms, [this] { program_ends(); });
}

void end_point::on_over(status how, bool keeps_items) {
  ++ends;
  ended = std::move(how);
  if (!keeps_items) waiting.clear();
  read();
}

void end_point::go_on() {
  if (std::exchange(is_writing, true)) return;
  all.clock.after(std::chrono::milliseconds(all.with(0.2) ? all.pick(0, 50) : 0), [this] {
    is_writing = false;
    write();
  });
}

void end_point::write() {
  if (is_dead || machine.is_over()) return;
  while (sent < to_send.size() && machine.can_send()) {
    const auto& item = to_send[sent++];
    const auto line = machine.line_for(item.size());
    machine.note_sent(item.size(), line.has_value(), all.clock.now);
    all.transmit(who, who > 0 ? 0 : all.accepted_by,
                 {.line = line, .payload = item, .failure = {}});
    if (all.with(0.2)) return go_on();
  }
  if (sent < to_send.size()) return;
  if (who == 0) {
    machine.close();
  } else {
    program_ends();
  }
}

// A service is done when it has sent all of its items and has seen all of the caller's.
void end_point::program_ends() {
  if (is_dead || machine.is_over() || who == 0) return;
  if (!machine.is_peer_closed() || !waiting.empty()) return;
  if (sent < to_send.size()) return go_on();
  if (all.how.service_fails && all.with(0.5)) return give_up();
  was_finished = true;
  all.transmit(who, 0, {.line = machine.finish(), .payload = {}, .failure = {}});
  ++ends;
  ended = status();
}

void end_point::read() {
  if (std::exchange(is_reading, true)) return;
  all.clock.after(std::chrono::milliseconds(all.with(0.3) ? all.pick(0, 80) : 0), [this] {
    is_reading = false;
    if (is_dead || waiting.empty()) return program_ends();
    got.push_back(std::move(waiting.front()));
    waiting.pop_front();
    waiting_bytes -= got.back().size();
    machine.take(got.back().size());
    read();
  });
}

void end_point::begin(const rpc_line& opening, const std::string& first) {
  if (is_dead || machine.is_over()) return;
  is_begun = true;
  machine.accept(opening, first);
  go_on();
  watch();
}

void end_point::get(const frame& f) {
  if (is_dead) return;
  if (who == 0 && f.line && f.line->frame == rpc_frame::accept) {
    if (all.accepted_by != 0 || machine.is_over()) {
      if (!machine.is_over()) machine.on_second_accept();
      return all.transmit(
          0, f.from, {.line = rpc_line{.frame = rpc_frame::cancel}, .payload = {}, .failure = {}});
    }
    all.accepted_by = f.from;
  }
  if (who > 0 && machine.is_over() && f.line && f.line->frame == rpc_frame::ping) {
    return send_failure({code::unavailable, "unknown", "unknown-call"});
  }
  if (f.failure) {
    machine.on_failure(f.line.value_or(rpc_line{}), *f.failure, all.clock.now);
  } else if (f.line) {
    machine.on_frame(*f.line, f.payload, all.clock.now);
  } else {
    machine.on_bare(f.payload, all.clock.now);
  }
  watch();
}

void end_point::watch() {
  if (is_dead || machine.is_over()) return;
  const auto when = machine.next_time();
  if (when == watched) return;
  watched = when;
  all.clock.at(when, [this, when] {
    if (is_dead || machine.is_over() || watched != when) return;
    watched = {};
    machine.on_time(all.clock.now);
    watch();
  });
}

void end_point::die() {
  is_dead = true;
}

void end_point::give_up() {
  if (is_dead || machine.is_over()) return;
  machine.give_up(who == 0 ? status(code::cancelled, "enough") : status(code::aborted, "failed"));
}

// The first words on the next connection end what was open.
void end_point::reconnect() {
  if (is_dead) return;
  ++all.lives[who];
  if (machine.is_over()) return;
  const bool was_accepted = who > 0 || all.accepted_by != 0;
  machine.lose({code::unavailable, "lost", "disconnected"});
  if (!was_accepted) return;
  all.clock.after(20ms, [this] {
    if (who > 0) return send_failure({code::unavailable, "lost", "disconnected"});
    all.transmit(0, all.accepted_by,
                 {.line = rpc_line{.frame = rpc_frame::cancel}, .payload = {}, .failure = {}});
  });
}

void schedule::prepare() {
  if (!with(0.25)) {
    how.is_quiet = false;
    if (with(0.4)) how.loss = with(0.5) ? 0.02 : 0.2;
    // Not both: where one item is lost and another doubled between two numbers, the count is right.
    if (how.loss == 0 && with(0.3)) how.doubling = 0.05;
    how.is_imported = with(0.3);
    how.caller_dies = with(0.15);
    how.service_dies = with(0.15);
    how.caller_reconnects = with(0.15);
    how.service_reconnects = with(0.15);
    how.caller_gives_up = with(0.15);
    how.service_fails = with(0.15);
    how.has_two_instances = with(0.15);
  }
  const std::array kinds{rpc_frame::server, rpc_frame::client, rpc_frame::bidi};
  kind = kinds.at(static_cast<std::size_t>(pick(0, 2)));
  stream_machine::settings set{.which = stream_machine::side::caller,
                               .kind = kind,
                               .window = some_window(),
                               .ping_after = 1s,
                               .accept_within = 3s,
                               .classic_silence = 60s,
                               .max_age = 10min,
                               .max_idle = 10min};
  if (with(0.1)) set.deadline = clock.now + std::chrono::milliseconds(pick(1, 2000));
  ends.push_back(std::make_unique<end_point>(*this, 0, set));
  if (kind != rpc_frame::server) ends[0]->to_send = items(pick(0, 30));
  set.which = stream_machine::side::service;
  set.ping_after = 1250ms;
  const auto answers = items(kind == rpc_frame::client ? 1 : pick(0, 30));
  for (int i = 1; i <= (how.has_two_instances ? 2 : 1); ++i) {
    set.window = some_window();
    set.first = random() >> 33;
    ends.push_back(std::make_unique<end_point>(*this, i, set));
    ends.back()->to_send = answers;
  }
}

void schedule::play() {
  prepare();
  auto& caller = *ends[0];
  auto line = caller.machine.opening();
  std::string first;
  // Some openings bring the first item along.
  if (kind != rpc_frame::server && !caller.to_send.empty() && with(0.3)) {
    line.has_item = has_first = true;
    first = caller.to_send[caller.sent++];
    caller.machine.note_sent(first.size(), true, clock.now);
  }
  caller.watch();
  for (std::size_t i = 1; i < ends.size(); ++i) {
    clock.after(std::chrono::milliseconds(pick(0, 20)), [this, i, line, first] {
      if (!with(how.loss)) ends[i]->begin(line, first);
    });
  }
  const auto sometime = [this](bool happens, auto what) {
    if (happens) clock.after(std::chrono::milliseconds(pick(0, 1500)), what);
  };
  sometime(how.caller_dies, [&] { caller.die(); });
  sometime(how.service_dies, [this] { ends[1]->die(); });
  sometime(how.caller_reconnects, [&] { caller.reconnect(); });
  sometime(how.service_reconnects, [this] { ends[1]->reconnect(); });
  sometime(how.caller_gives_up, [&] { caller.give_up(); });
  REQUIRE(clock.run());
  check();
}

void schedule::check() {
  const auto& caller = *ends[0];
  for (const auto& each : ends) {
    CAPTURE(each->who);
    CHECK(each->ends <= 1);
    // An instance that never got the opening knows of no call.
    if (!each->is_dead && (each->who == 0 || each->is_begun)) CHECK(each->ends == 1);
  }
  if (!caller.is_dead && caller.ended && caller.ended->is_ok()) {
    REQUIRE(accepted_by > 0);
    CHECK(ends[static_cast<std::size_t>(accepted_by)]->was_finished);
    CHECK(caller.got == ends[static_cast<std::size_t>(accepted_by)]->to_send);
  }
  for (std::size_t i = 1; i < ends.size(); ++i) {
    if (ends[i]->was_finished) CHECK(ends[i]->got == caller.to_send);
  }
  if (how.is_quiet && !caller.ended->is_ok()) {
    // Nothing but the deadline can have ended it.
    CHECK(caller.ended->code == code::deadline_exceeded);
  }
}

}  // namespace

TEST_CASE("streams: under random trouble each end ends once, and nothing is lost silently") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  int went_well = 0;
  for (int i = 0; i < 10'000; ++i) {
    CAPTURE(i);
    schedule it(seed + static_cast<std::uint64_t>(i));
    it.play();
    const auto& how = it.ends[0]->ended;
    went_well += how && how->is_ok() ? 1 : 0;
  }
  // The trouble leaves enough of them alone.
  CHECK(went_well > 2'500);
}
