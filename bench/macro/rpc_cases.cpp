// Requests and replies: with one wildcard inbox per requester, and with an inbox per request.
#include "cases.hpp"
#include "client.hpp"
#include "publisher.hpp"
#include "result.hpp"

#include <charconv>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::bench {
namespace {

constexpr nanoseconds longest_silence = 30 * one_second;

void append_number(std::string& to, std::uint64_t number) {
  char digits[20];
  to.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_stamps(std::string& to, std::uint64_t first, std::uint64_t second) {
  char bytes[16];
  std::memcpy(bytes, &first, 8);
  std::memcpy(bytes + 8, &second, 8);
  to.append(bytes, sizeof bytes);
}

class responder final : public client<responder> {
 public:
  responder(event_loop& loop, const endpoint& server)
      : client(loop, open_client(server, "SUB svc.echo 1\r\n"), false) {}

  void on_message(const message& m) {
    if (m.subject != "svc.echo" || m.sid != 1 || m.reply.empty() || m.size != 16) {
      fail("not a request: " + std::string(m.subject) + " " + std::string(m.reply));
    }
    text().append("PUB ").append(m.reply).append(" 16\r\n");
    append_stamps(text(), m.stamp, m.second);
    text() += "\r\n";
  }
};

enum class inbox { one_per_requester, one_per_request };

class requester final : public client<requester> {
 public:
  requester(event_loop& loop,
            const endpoint& server,
            std::size_t index,
            std::size_t outstanding,
            inbox kind)
      : client(loop, open_client(server, opening(index, kind)), false),
        index_(index),
        kind_(kind),
        prefix_(inbox_prefix(index)),
        slots_(outstanding) {
    for (std::size_t i = 0; i < outstanding; ++i) slots_[i].next = i;
  }

  void resume() {
    stopped_ = false;
    const nanoseconds now = now_ns();
    for (slot& s : slots_) request(s, now);
    flush();
  }
  void pause() { stopped_ = true; }
  bool is_idle() const { return outstanding_ == 0; }
  std::uint64_t replies() const { return replies_; }
  latencies& times() { return times_; }

  void on_message(const message& m) {
    if (now_ == 0) now_ = now_ns();  // one look at the clock for each batch of replies
    const std::uint64_t number = m.stamp & stamp_number_mask;
    slot& s = slots_[number % slots_.size()];
    if (m.stamp != make_stamp(index_, number) || s.next != number || !s.waits ||
        !is_inbox_of(m, number)) {
      fail("reply " + std::to_string(number) + " on " + std::string(m.subject) +
           " was not asked for, or came twice");
    }
    s.waits = false;
    s.next += slots_.size();
    --outstanding_;
    ++replies_;
    times_.record(now_ - s.sent_at);
    if (!stopped_) request(s, now_);
  }
  void on_read() { now_ = 0; }

 private:
  struct slot {
    std::uint64_t next = 0;  // number of the request that is out, or comes next
    nanoseconds sent_at = 0;
    bool waits = false;
  };

  static std::string inbox_prefix(std::size_t index) {
    return "_INBOX.BENCHBENCHBENCHBENCH" + std::to_string(10 + index) + ".";
  }
  static std::string opening(std::size_t index, inbox kind) {
    if (kind == inbox::one_per_request) return {};
    return "SUB " + inbox_prefix(index) + "* 1\r\n";
  }

  void request(slot& s, nanoseconds now) {
    s.sent_at = now;
    s.waits = true;
    ++outstanding_;
    std::string& out = text();
    if (kind_ == inbox::one_per_request) {
      out.append("SUB ").append(prefix_);
      append_number(out, s.next);
      out += ' ';
      append_number(out, s.next + 1);
      out += "\r\nUNSUB ";
      append_number(out, s.next + 1);
      out += " 1\r\n";
    }
    out.append("PUB svc.echo ").append(prefix_);
    append_number(out, s.next);
    out += " 16\r\n";
    append_stamps(out, make_stamp(index_, s.next), 0);
    out += "\r\n";
  }

  bool is_inbox_of(const message& m, std::uint64_t number) const {
    if (m.sid != (kind_ == inbox::one_per_request ? number + 1 : 1)) return false;
    if (!m.subject.starts_with(prefix_)) return false;
    std::uint64_t token = 0;
    const char* const end = m.subject.data() + m.subject.size();
    const auto [at, ec] = std::from_chars(m.subject.data() + prefix_.size(), end, token);
    return ec == std::errc{} && at == end && token == number;
  }

  std::size_t index_;
  inbox kind_;
  std::string prefix_;
  std::vector<slot> slots_;
  latencies times_;
  std::uint64_t replies_ = 0;
  std::size_t outstanding_ = 0;
  nanoseconds now_ = 0;  // 0: not looked at since the last batch
  bool stopped_ = true;
};

using requesters = std::vector<std::unique_ptr<requester>>;

std::uint64_t replies_to(const requesters& all) {
  std::uint64_t sum = 0;
  for (const auto& r : all) sum += r->replies();
  return sum;
}

void request_for(event_loop& loop, requesters& all, nanoseconds duration) {
  const nanoseconds end = now_ns() + duration;
  for (const auto& r : all) r->resume();
  for (nanoseconds now = now_ns(); now < end; now = now_ns()) loop.run_once(end - now);
  for (const auto& r : all) r->pause();
  for (const auto& r : all) {
    while (!r->is_idle()) {
      loop.run_once(one_second / 100);
      if (now_ns() > end + longest_silence) fail("requests were not answered");
    }
  }
}

void run_requests(const options& o, inbox kind, result& into) {
  event_loop loop;
  responder echo(loop, o.server);
  requesters all;
  for (std::size_t i = 0; i < o.requesters; ++i) {
    all.push_back(std::make_unique<requester>(loop, o.server, i, o.outstanding, kind));
  }
  request_for(loop, all, to_ns(o.warm_up));
  latencies times;
  for (const auto& r : all) r->times().clear();
  const std::uint64_t before = replies_to(all);
  measurement measured(o.pid);
  measured.start();
  request_for(loop, all, to_ns(o.seconds_or(3)));
  measured.stop();
  measured.report(into, replies_to(all) - before);
  for (const auto& r : all) times.append(r->times());
  times.report(into);
}

}  // namespace

void run_rpc(const options& o, result& into) {
  run_requests(o, inbox::one_per_requester, into);
}

void run_rpcsubs(const options& o, result& into) {
  run_requests(o, inbox::one_per_request, into);
}

}  // namespace nuncio::bench
