// Any frames at either end of a stream: it ends at most once, hands out nothing afterwards, holds
// no more than its window, and sends no more than it was given credit for.
//
// The first byte chooses end and kind. Then one message after another: a line `Nuncio` value, a tab
// and the payload, up to the line's end. An empty value is a message without headers; one that
// begins with '!' is a failure; '+' lets time pass, '>' sends an item and '<' takes one.

#include "require.hpp"
#include "rpc/stream_machine.hpp"

#include <nuncio/protocol/rpc.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

using namespace nuncio;
using namespace std::chrono_literals;
using rpc::stream_machine;

namespace {

struct program final : stream_machine::actions {
  void send(const protocol::rpc_line& line) override {
    NUNCIO_FUZZ_REQUIRE(line.frame != protocol::rpc_frame::none);
  }
  void send_failure(const rpc::status& why) override { NUNCIO_FUZZ_REQUIRE(!why.is_ok()); }
  void deliver(std::string_view item) override {
    NUNCIO_FUZZ_REQUIRE(ends == 0);
    items.emplace_back(item);
  }
  void on_peer_closed() override { NUNCIO_FUZZ_REQUIRE(++closes == 1); }
  void on_credit() override {}
  void on_over(rpc::status, bool keeps_items) override {
    NUNCIO_FUZZ_REQUIRE(++ends == 1);
    if (!keeps_items) items.clear();
  }
  std::uint64_t window_bytes(std::uint64_t now_granted) override { return now_granted; }

  std::deque<std::string> items;
  int ends = 0;
  int closes = 0;
};

constexpr std::uint64_t window = 4;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr protocol::rpc_frame kinds[] = {protocol::rpc_frame::server, protocol::rpc_frame::client,
                                           protocol::rpc_frame::bidi};
  const bool is_caller = data[0] % 2 == 0;
  program it;
  stream_machine::time now{};
  stream_machine machine(
      {.which = is_caller ? stream_machine::side::caller : stream_machine::side::service,
       .kind = kinds[data[0] / 2 % 3],
       .is_classic = !is_caller && data[0] / 6 % 2 == 1,
       .window = {.frames = window, .bytes = 64},
       .ping_after = 1s,
       .max_unanswered = 3,
       .accept_within = 3s,
       .classic_silence = 9s,
       .max_age = 1h,
       .max_idle = 10min},
      it, now);
  bool is_begun = is_caller;
  auto rest = fuzz::text(data + 1, size - 1);
  while (!rest.empty()) {
    const auto record = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), record.size() + 1));
    const auto value = record.substr(0, record.find('\t'));
    const auto payload = value.size() == record.size() ? "" : record.substr(value.size() + 1);
    const auto block = "NATS/1.0\r\nNuncio: " + std::string(value) + "\r\n\r\n";
    protocol::rpc_line line;
    const auto state = read_rpc_line(block, line);
    if (!is_begun) {
      is_begun = true;
      machine.accept(line, payload);
    } else if (value == "+") {
      now += 1s;
      machine.on_time(now);
    } else if (value == ">") {
      if (!machine.can_send()) continue;
      const auto said = machine.line_for(payload.size());
      machine.note_sent(payload.size(), said.has_value(), now);
    } else if (value == "<") {
      if (it.items.empty()) continue;
      const auto taken = it.items.front().size();
      it.items.pop_front();
      machine.take(taken);
    } else if (value.empty()) {
      machine.on_bare(payload, now);
    } else if (value.front() == '!') {
      machine.on_failure({}, {rpc::code::internal, "failed"}, now);
    } else if (state == protocol::rpc_line_state::present) {
      machine.on_frame(line, payload, now);
    } else {
      machine.on_malformed();
    }
    NUNCIO_FUZZ_REQUIRE(machine.is_over() == (it.ends == 1));
    if (!machine.is_classic() && it.ends == 0) NUNCIO_FUZZ_REQUIRE(it.items.size() <= window);
    if (it.ends == 0) NUNCIO_FUZZ_REQUIRE(machine.next_time() > now);
  }
  return 0;
}
