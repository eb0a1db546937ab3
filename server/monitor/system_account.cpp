#include "system_account.hpp"

#include "events.hpp"
#include "json_text.hpp"
#include "net/message_trace.hpp"
#include "net/shard.hpp"
#include "server_info.hpp"
#include "trace_event.hpp"

#include <nuncio/protocol/ops.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <utility>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

// Who asks faster than answers are made, or connects faster than that is told, must not fill the
// memory.
constexpr std::uint32_t most_under_way = 8192;
constexpr std::uint32_t most_asked = 1024;
constexpr std::uint32_t most_traced = 262'144;  // deliveries, in all messages together
// Each may hold a page of thousands of connections.
constexpr std::size_t most_at_work = 4;

constexpr std::chrono::milliseconds first_statsz{250};
constexpr std::chrono::milliseconds statsz_at_most{10'000};
constexpr std::chrono::seconds between_connections{30};

protocol::nuid::random_source randomness() {
  return [](std::span<std::byte> to) { randombytes_buf(to.data(), to.size()); };
}

}  // namespace

system_account::system_account(const sources& from,
                               boost::asio::io_context& io,
                               std::function<void()> wake)
    : from_(from),
      io_(io),
      wake_(std::move(wake)),
      ids_(randomness()),
      turns_(most_at_work, most_asked),
      answers_{from, [this] { return next_server(); }, [this] { return ids_.next(); }, reload_},
      statsz_pause_(first_statsz),
      statsz_timer_(io),
      connections_timer_(io) {}

void system_account::open() {
  auto& all = from_.of.all_accounts;
  global_ = &all.global();
  const auto& name = from_.of.opts.access.system_account;
  if (!name.empty()) system_ = &all.make(name);
}

void system_account::begin() {
  if (system_ == nullptr) return;
  arm_statsz();
  arm_connections();
}

json::object system_account::next_server() {
  return server_info(from_.of, sequence_.fetch_add(1, std::memory_order_relaxed) + 1);
}

// On a shard, which is in the epochs.
bool system_account::is_heard(const account& in, std::string_view subject) const {
  if (in.subscriptions.load(std::memory_order_relaxed) == 0) return false;
  const auto& index = from_.of.index;
  bool found = false;
  index.match(in, subject, index.key_of(in, subject).hash,
              [&found](const subscription*) { found = true; });
  return found;
}

bool system_account::is_heard_of(const account& which) const {
  return &which != global_ && (is_heard(*system_, events::connections_of(which.name)) ||
                               is_heard(*system_, events::connections_of_before(which.name)));
}

// False, and counted as lost, if there are `most` already.
bool system_account::has_room(std::atomic<std::uint32_t>& taken,
                              std::uint32_t most,
                              std::uint32_t wanted) {
  if (taken.fetch_add(wanted, std::memory_order_relaxed) < most) return true;
  taken.fetch_sub(wanted, std::memory_order_relaxed);
  lost_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

// On a shard: work() is done on the monitor's thread, soon; or not at all, if it is false.
template <class Work>
bool system_account::post(Work work) {
  if (!has_room(under_way_, most_under_way)) return false;
  wake_();
  boost::asio::post(io_, [this, work = std::move(work)]() mutable {
    under_way_.fetch_sub(1, std::memory_order_relaxed);
    note_lost();
    work();
  });
  return true;
}

// Any client can ask too much: a line a second is enough.
void system_account::note_lost() {
  if (lost_.load(std::memory_order_relaxed) == 0) return;
  std::uint64_t skipped = 0;
  if (!lost_notice_.allow(std::chrono::steady_clock::now(), skipped)) return;
  const auto lost = lost_.exchange(0, std::memory_order_relaxed);
  from_.of.log.write(log_level::warn, "System account: " + std::to_string(lost) +
                                          " requests and events left out, too many at a time");
}

void system_account::on_request(system_request asked) {
  if (!has_room(asked_, most_asked)) return;
  const auto shared = std::make_shared<const system_request>(std::move(asked));
  const bool is_posted = post([this, shared] {
    // As many as wait at the most are let in above.
    static_cast<void>(turns_.enter([this, shared] { begin_answer(shared); }));
  });
  if (!is_posted) asked_.fetch_sub(1, std::memory_order_relaxed);
}

void system_account::begin_answer(const std::shared_ptr<const system_request>& asked) {
  boost::asio::co_spawn(
      io_, answer_to(answers_, *asked),
      [this, asked](const std::exception_ptr& failure, const std::optional<std::string>& text) {
        asked_.fetch_sub(1, std::memory_order_relaxed);
        try {
          if (failure) std::rethrow_exception(failure);
          if (text) answer(*asked, *text);
        } catch (const std::exception& why) {
          from_.of.log.write(log_level::error,
                             "System account: " + asked->subject + ": " + why.what());
        }
        turns_.leave();
      });
}

void system_account::answer(const system_request& asked, const std::string& text) const {
  if (!asked.reply.empty()) return publish(*asked.from, asked.reply, text);
  if (is_for_statsz(asked.subject)) publish(*system_, statsz_subject(), text);
}

std::string system_account::statsz_subject() const {
  return events::of_server(from_.of.identity.info.server_id, "STATSZ");
}

// Any thread. `header_size`: of the header block that `body` begins with.
void system_account::publish(const account& in,
                             std::string subject,
                             std::string body,
                             std::uint32_t header_size) const {
  shard& first = *from_.of.shards.front();
  first.post([&first, &in, header_size, subject = std::move(subject), body = std::move(body)] {
    const auto size = std::to_string(body.size());
    const auto head = std::to_string(header_size);
    protocol::ops::pub op;
    op.subject = subject;
    op.size_text = size;
    op.body = body;
    if (header_size != 0) {
      op.header_text = head;
      op.header_size = header_size;
    }
    std::uint16_t slot = 0;
    first.publish(in, nullptr, nullptr, op, slot);
  });
}

// Names of accounts may hold what no subject does.
void system_account::tell(std::string subject, const json::object& what) const {
  if (subject.find_first_of(" \t\r\n") != std::string::npos) return;
  publish(*system_, std::move(subject), to_json_text(what, ""));
}

// On a shard: as they are now.
void system_account::note_connections(const account& which) {
  if (!is_heard_of(which)) return;
  post([this, name = which.name, now = account_statistics(which)] { tell_connections(name, now); });
}

void system_account::tell_connections(const std::string& name, const json::object& statistics) {
  // Each has its own number, but they are one event.
  const auto id = ids_.next();
  for (const auto& subject : {events::connections_of_before(name), events::connections_of(name)}) {
    tell(subject, events::connections({id, next_server()}, statistics));
  }
}

void system_account::on_opened(const connection& which, const account* before) {
  if (system_ == nullptr) return;
  const account& now = which.its_account();
  // Its thread has something to say from time to time while somebody may listen.
  if (&now == system_) wake_();
  if (system_->subscriptions.load(std::memory_order_relaxed) == 0) return;
  for (const auto* const changed : {before, &now}) {
    if (changed != nullptr) note_connections(*changed);
  }
  if (!is_heard(*system_, events::connected_in(now.name))) return;
  post([this, client = which.view()] {
    tell(events::connected_in(client.account),
         events::connected({ids_.next(), next_server()}, client));
  });
}

void system_account::on_closed(const connection_view& last, const account& its) {
  const bool is_refused = last.reason == close_reason::authorization;
  if (system_ == nullptr) return;
  if (!is_refused && system_->subscriptions.load(std::memory_order_relaxed) == 0) return;
  const auto refused = events::of_server(from_.of.identity.info.server_id, "CLIENT.AUTH.ERR");
  const bool is_heard_in_account = is_refused && is_heard(its, events::refused_in_account);
  const bool is_heard_as_refused = is_refused && is_heard(*system_, refused);
  const bool is_heard_as_gone = is_heard(*system_, events::disconnected_in(last.account));
  note_connections(its);
  if (!is_heard_in_account && !is_heard_as_refused && !is_heard_as_gone) return;
  post([this, &its, last, refused, is_heard_in_account, is_heard_as_refused, is_heard_as_gone] {
    const auto made = [&] { return events::disconnected({ids_.next(), next_server()}, last); };
    if (is_heard_as_refused) tell(refused, made());
    if (is_heard_in_account) {
      publish(its, std::string(events::refused_in_account), to_json_text(made(), ""));
    }
    if (is_heard_as_gone) tell(events::disconnected_in(last.account), made());
  });
}

void system_account::on_traced(message_trace what) {
  if (!is_heard(*what.in, what.destination)) return;
  const auto size = static_cast<std::uint32_t>(what.receivers.size() + 1);
  if (!has_room(traced_, most_traced, size)) return;
  const bool is_posted = post([this, size, what = std::move(what)] {
    traced_.fetch_sub(size, std::memory_order_relaxed);
    auto text = to_json_text(trace_event(next_server(), what), "");
    if (what.encoding == trace_encoding::unsaid) {
      return publish(*what.in, what.destination, std::move(text));
    }
    const bool is_gzip = what.encoding == trace_encoding::gzip;
    std::string body = "NATS/1.0\r\nContent-Encoding: ";
    body.append(is_gzip ? "gzip" : "identity").append("\r\n\r\n");
    const auto header_size = static_cast<std::uint32_t>(body.size());
    body.append(is_gzip ? gzipped(text) : text);
    publish(*what.in, what.destination, std::move(body), header_size);
  });
  if (!is_posted) traced_.fetch_sub(size, std::memory_order_relaxed);
}

void system_account::tell_lame_duck() {
  if (system_ == nullptr || was_lame_duck_.exchange(true)) return;
  tell(events::of_server(from_.of.identity.info.server_id, "LAMEDUCK"), next_server());
}

void system_account::tell_shutdown() {
  if (system_ == nullptr || was_lame_duck_.load()) return;
  tell(events::of_server(from_.of.identity.info.server_id, "SHUTDOWN"), next_server());
}

// Oftener at first, so that who has just come needn't wait.
void system_account::arm_statsz() {
  statsz_timer_.expires_after(statsz_pause_);
  statsz_pause_ = std::min(statsz_pause_ * 2, statsz_at_most);
  statsz_timer_.async_wait([this](const boost::system::error_code& failure) {
    if (failure) return;
    arm_statsz();
    shard& first = *from_.of.shards.front();
    first.post([this] {
      const auto subject = statsz_subject();
      if (!is_heard(*system_, subject)) return;
      post([this, subject] {
        tell(subject, {{"server", next_server()}, {"statsz", statsz(from_)}});
      });
    });
  });
}

// Of who has connections, whether that has changed or not.
void system_account::arm_connections() {
  connections_timer_.expires_after(between_connections);
  connections_timer_.async_wait([this](const boost::system::error_code& failure) {
    if (failure) return;
    arm_connections();
    std::vector<const account*> used;
    from_.of.all_accounts.for_each([&](const account& each) {
      const bool is_used = each.connections.load(std::memory_order_relaxed) > 0;
      if (is_used && &each != global_) used.push_back(&each);
    });
    shard& first = *from_.of.shards.front();
    first.post([this, used = std::move(used)] {
      for (const auto* const each : used) note_connections(*each);
    });
  });
}

}  // namespace nuncio::server::monitor
