#include "stream_machine.hpp"

#include "failures.hpp"

#include <algorithm>
#include <utility>

namespace nuncio::rpc {
namespace {

constexpr std::uint64_t spare_acks = 16;

}  // namespace

stream_machine::stream_machine(const settings& set, actions& by, time now)
    : set_(set),
      do_(by),
      window_(set.window),
      began_(now),
      heard_(now),
      moved_(now),
      ping_at_(now + set.ping_after),
      phase_(set.which == side::caller ? phase::opening
             : set.is_classic          ? phase::classic
                                       : phase::open),
      is_closed_(!set_.sends_items()),
      is_peer_closed_(!set_.gets_items()) {}

rpc_line stream_machine::opening() const {
  return {.frame = set_.kind, .window = window_.window()};
}

void stream_machine::accept(const rpc_line& opening, std::string_view first_item) {
  // Who forgets to grant anything can take one item, which is the answer to a stream of the
  // caller's.
  [[maybe_unused]] const bool is_fine =
      credit_.grant({}, opening.window.value_or(rpc_amount{.frames = 1, .bytes = 1}));
  rpc_line line{.frame = rpc_frame::accept, .number = set_.first};
  if (set_.gets_items()) line.window = window_.window();
  do_.send(line);
  if (opening.has_item && set_.gets_items()) receive(first_item, began_);
}

// --- what comes

void stream_machine::hear(time now) {
  heard_ = now;
  unanswered_ = 0;
}

void stream_machine::on_bare(std::string_view payload, time now) {
  if (is_over()) return;
  hear(now);
  if (phase_ == phase::opening) {
    if (set_.kind != rpc_frame::server) {
      return end({code::unimplemented, "the service doesn't stream", "classic-service"}, false);
    }
    phase_ = phase::classic;
    is_closed_ = true;
  }
  if (phase_ == phase::classic) {
    if (payload.empty()) return peer_closes();
    return do_.deliver(payload);
  }
  // Items without bytes say that they are some; this closes an import behind an end that was lost.
  if (!payload.empty()) receive(payload, now);
}

void stream_machine::on_frame(const rpc_line& line, std::string_view payload, time now) {
  if (is_over()) return;
  hear(now);
  if (line.frame == rpc_frame::none) return on_bare(payload, now);
  if (line.frame == rpc_frame::cancel) {
    if (is_caller()) return end(cancelled_by_service(), false);
    return give_up({code::cancelled, "the caller cancelled the call"});
  }
  if (phase_ == phase::opening) {
    if (line.frame == rpc_frame::accept) return on_accept(line);
    if (line.frame == rpc_frame::drain) return;
    return lose_data();
  }
  // A service that has lines would have accepted.
  if (phase_ == phase::classic) return lose_data();
  switch (line.frame) {
    case rpc_frame::data:
      if (agrees(line, 1)) receive(payload, now);
      return;
    case rpc_frame::ack:
      if (++acks_ > credit_.sent().frames + pings_ + spare_acks) {
        return fail_protocol("there are more acks than frames");
      }
      if (agrees(line)) hear_grant(line);
      return;
    case rpc_frame::ping:
      if (!agrees(line) || !hear_grant(line)) return;
      if (line.is_closed) peer_closes();
      if (!is_over()) send_ack();
      return;
    case rpc_frame::end:
      return on_end(line);
    case rpc_frame::drain:
      is_draining_ = true;
      return;
    default:
      return fail_protocol("a frame came that has no place in a stream");
  }
}

void stream_machine::on_accept(const rpc_line& line) {
  phase_ = phase::open;
  if (!line.number) return fail_protocol("the service didn't say where its numbers begin");
  peer_first_ = *line.number;
  wake_at_ = time::max();
  ping_at_ = heard_ + set_.ping_after;
  if (line.window) {
    [[maybe_unused]] const bool is_fine = credit_.grant({}, *line.window);
  }
  // It was closed before there was anybody to tell.
  if (is_closed_ && set_.kind != rpc_frame::server) {
    do_.send({.frame = rpc_frame::end, .number = number()});
  }
  do_.on_credit();
}

void stream_machine::on_end(const rpc_line& line) {
  // Without its number nobody could tell whether something is missing.
  if (!line.number) return lose_data();
  if (agrees(line)) peer_closes();
}

void stream_machine::on_failure(const rpc_line& line, status why, time now) {
  if (is_over()) return;
  hear(now);
  if (is_caller()) return end(std::move(why), true);
  if (line.frame == rpc_frame::end || line.frame == rpc_frame::cancel) {
    give_up({code::cancelled, "the caller cancelled the call: " + why.text});
  }
}

void stream_machine::on_no_responders() {
  if (is_over()) return;
  end(phase_ == phase::opening ? nobody() : peer_gone(), false);
}

void stream_machine::on_malformed() {
  if (!is_over()) fail_protocol("the headers of a frame can't be read");
}

void stream_machine::on_second_accept() {
  if (is_over()) return;
  if (phase_ == phase::open) do_.send({.frame = rpc_frame::cancel});
  end(taken_twice(), false);
}

void stream_machine::receive(std::string_view payload, time now) {
  if (is_peer_closed_) return fail_protocol("an item came where none is expected");
  if (!window_.allows_another()) return fail_protocol("an item came for which there was no credit");
  moved_ = now;
  window_.note_received(payload.size());
  do_.deliver(payload);
}

// `arriving`: items that come with this frame.
bool stream_machine::agrees(const rpc_line& line, std::uint64_t arriving) {
  if (!line.number || *line.number == peer_first_ + window_.received().frames + arriving) {
    return true;
  }
  lose_data();
  return false;
}

bool stream_machine::hear_grant(const rpc_line& line) {
  if (!line.window) return true;
  if (!credit_.grant(line.taken.value_or(rpc_amount{}), *line.window)) {
    fail_protocol("more was taken than was sent");
    return false;
  }
  do_.on_credit();
  return true;
}

void stream_machine::peer_closes() {
  if (is_caller()) return end({}, true);
  if (std::exchange(is_peer_closed_, true)) return;
  do_.on_peer_closed();
}

// --- time

void stream_machine::on_time(time now) {
  if (is_over()) return;
  wake_at_ = time::max();
  if (set_.deadline && now >= *set_.deadline) {
    // The other end knows.
    return end({code::deadline_exceeded, "the deadline has passed"}, false);
  }
  if (phase_ == phase::opening) {
    if (now < began_ + set_.accept_within) return;
    return end({code::unavailable, "no instance took the call in time", "no-accept"}, false);
  }
  if (phase_ == phase::classic && is_caller()) {
    // No success: a stream may look like this whose first frames were lost, and its end.
    if (now < heard_ + set_.classic_silence) return;
    return end({code::deadline_exceeded, "the service neither went on nor ended", "no-end"}, true);
  }
  if (!is_caller() && now >= began_ + set_.max_age) {
    return give_up({code::unavailable, "the stream is as old as it may become", "max-age"});
  }
  if (!is_caller() && now >= moved_ + set_.max_idle) {
    return give_up({code::unavailable, "nothing went over the stream for long", "idle"});
  }
  ping_at_ = std::max(ping_at_, heard_ + set_.ping_after);
  if (now < ping_at_ || phase_ == phase::classic) return;
  if (unanswered_ >= set_.max_unanswered) {
    return give_up(
        {code::unavailable, "the other end doesn't answer any more", "pings-unanswered"});
  }
  ++unanswered_;
  ++pings_;
  ping_at_ = now + set_.ping_after;
  rpc_line line{.frame = rpc_frame::ping, .is_closed = is_closed_, .number = number()};
  add_taken(line);
  do_.send(line);
}

stream_machine::time stream_machine::due() const {
  auto out = set_.deadline.value_or(time::max());
  if (phase_ == phase::opening) return std::min(out, began_ + set_.accept_within);
  if (phase_ == phase::open) out = std::min(out, std::max(ping_at_, heard_ + set_.ping_after));
  if (!is_caller()) return std::min({out, began_ + set_.max_age, moved_ + set_.max_idle});
  return phase_ == phase::classic ? std::min(out, heard_ + set_.classic_silence) : out;
}

// What moves with every frame moves later only: asking a little too early costs less than setting
// a timer for each.
stream_machine::time stream_machine::next_time() {
  if (wake_at_ == time::max()) wake_at_ = due();
  return wake_at_;
}

// --- what goes

std::optional<rpc_line> stream_machine::line_for(std::size_t bytes) const {
  if (phase_ == phase::classic || (bytes > 0 && !credit_.is_mark_due())) return std::nullopt;
  return rpc_line{.frame = rpc_frame::data, .number = number() + 1};
}

void stream_machine::note_sent(std::size_t bytes, bool had_line, time now) {
  if (had_line) credit_.note_mark();
  credit_.note_sent(bytes);
  moved_ = now;
}

void stream_machine::close() {
  if (is_over() || std::exchange(is_closed_, true)) return;
  if (phase_ == phase::open) do_.send({.frame = rpc_frame::end, .number = number()});
}

rpc_line stream_machine::finish() {
  phase_ = phase::over;
  return {.frame = rpc_frame::end, .number = number()};
}

void stream_machine::take(std::size_t bytes) {
  if (phase_ == phase::classic) return;
  if (window_.note_taken(bytes) && !is_over() && !is_peer_closed_) send_ack();
}

void stream_machine::add_taken(rpc_line& line) {
  if (!set_.gets_items()) return;
  window_.set_bytes(do_.window_bytes(window_.window().bytes));
  line.window = window_.window();
  line.taken = window_.taken();
  window_.note_told();
}

void stream_machine::send_ack() {
  rpc_line line{.frame = rpc_frame::ack, .number = number()};
  add_taken(line);
  do_.send(line);
}

// --- ends

void stream_machine::give_up(status why) {
  if (is_over()) return;
  if (!is_caller()) {
    do_.send_failure(why);
  } else if (phase_ == phase::open) {
    do_.send({.frame = rpc_frame::cancel});
  }
  end(std::move(why), false);
}

void stream_machine::lose(status why) {
  if (!is_over()) end(std::move(why), false);
}

void stream_machine::lose_data() {
  give_up({code::data_loss, "something of the stream was lost on its way"});
}

void stream_machine::fail_protocol(std::string_view what) {
  if (phase_ == phase::open) do_.send({.frame = rpc_frame::cancel});
  end({code::internal, what, "protocol-error"}, false);
}

void stream_machine::end(status how, bool keeps_items) {
  phase_ = phase::over;
  do_.on_over(std::move(how), keeps_items);
}

}  // namespace nuncio::rpc
