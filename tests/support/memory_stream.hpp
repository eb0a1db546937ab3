#pragma once

#include "net/stream.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace nuncio::test {

class memory_stream;

/// The other end of a memory_stream, in the test's hands, and what goes wrong with it. A stream of
/// this kind may be used by its owner's thread only, as TLS may; who else does is counted.
/// Thread safety: any.
class memory_peer {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  memory_peer() : state_(std::make_shared<state>()) {}

  /// The server's end; once. Its waits complete on `owner`.
  std::unique_ptr<server::stream> make_stream(boost::asio::io_context& owner);

  void send(std::string_view bytes) {
    const std::scoped_lock held(state_->lock);
    state_->to_server += bytes;
    wake_reader(*state_);
  }
  void finish_sending() {
    const std::scoped_lock held(state_->lock);
    state_->ended = true;
    wake_reader(*state_);
  }
  /// Reading and writing fail from now on.
  void reset() {
    const std::scoped_lock held(state_->lock);
    state_->broken = true;
    wake_reader(*state_);
    wake_writer(*state_);
  }
  /// At most this much goes into one read or write.
  void limit_calls(std::size_t read, std::size_t write) {
    const std::scoped_lock held(state_->lock);
    state_->most_read = read;
    state_->most_written = write;
  }
  /// The server may write this much more before it would block.
  void give_room(std::size_t bytes) {
    const std::scoped_lock held(state_->lock);
    state_->room = bytes;
    if (bytes != 0) wake_writer(*state_);
  }

  /// What the server has written, up to and with the first `last`; empty if that doesn't come for
  /// half a minute.
  std::string read_until(std::string_view last) {
    std::unique_lock held(state_->lock);
    std::size_t at = std::string::npos;
    state_->changed.wait_for(held, std::chrono::seconds(30), [&] {
      at = state_->from_server.find(last);
      return at != std::string::npos || state_->shut;
    });
    if (at == std::string::npos) at = state_->from_server.find(last);
    if (at == std::string::npos) return {};
    std::string all = state_->from_server.substr(0, at + last.size());
    state_->from_server.erase(0, all.size());
    return all;
  }
  /// Everything, once the server has shut the stream; false if it doesn't.
  bool read_to_end(std::string& all) {
    std::unique_lock held(state_->lock);
    const bool shut =
        state_->changed.wait_for(held, std::chrono::seconds(30), [this] { return state_->shut; });
    all = std::exchange(state_->from_server, {});
    return shut;
  }
  /// True once the server waits for writability, which it does with something to write only.
  bool wait_until_blocked() {
    std::unique_lock held(state_->lock);
    return state_->changed.wait_for(held, std::chrono::seconds(30),
                                    [this] { return state_->writer != nullptr; });
  }
  [[nodiscard]] int foreign_calls() const {
    const std::scoped_lock held(state_->lock);
    return state_->foreign_calls;
  }

 private:
  friend class memory_stream;

  struct state {
    std::mutex lock;  // guards all of it
    std::condition_variable changed;
    boost::asio::io_context* owner = nullptr;
    std::string to_server;
    std::size_t begin = 0;  // of what the server hasn't read
    std::string from_server;
    std::size_t most_read = unlimited;
    std::size_t most_written = unlimited;
    std::size_t room = unlimited;
    bool ended = false;
    bool broken = false;
    bool shut = false;
    server::stream_events* reader = nullptr;
    server::stream_events* writer = nullptr;
    std::thread::id thread;
    int foreign_calls = 0;
  };

  static void wake_reader(state& s, bool aborted = false) {
    if (auto* const who = std::exchange(s.reader, nullptr)) {
      boost::asio::post(*s.owner, [who, aborted] { who->on_readable(aborted); });
    }
  }
  static void wake_writer(state& s, bool aborted = false) {
    if (auto* const who = std::exchange(s.writer, nullptr)) {
      boost::asio::post(*s.owner, [who, aborted] { who->on_writable(aborted); });
    }
  }

  std::shared_ptr<state> state_;
};

class memory_stream final : public server::stream {
 public:
  explicit memory_stream(std::shared_ptr<memory_peer::state> shared) : state_(std::move(shared)) {}

  // Never `drained`: like a stream that decrypts, it can't tell from a short read.
  result read(std::span<char> into) override {
    const std::scoped_lock held(state_->lock);
    check_thread();
    auto& bytes = state_->to_server;
    if (state_->broken) return {0, status::failed};
    if (bytes.empty()) return {0, state_->ended ? status::ended : status::would_block};
    auto& begin = state_->begin;
    const auto size = std::min({bytes.size() - begin, into.size(), state_->most_read});
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin), size, into.begin());
    begin += size;
    if (begin == bytes.size()) {
      bytes.clear();
      begin = 0;
    }
    return {size, status::more};
  }

  result write(const iovec* pieces, std::size_t count) override {
    const std::scoped_lock held(state_->lock);
    check_thread();
    if (state_->broken) return {0, status::failed};
    const auto most = std::min(state_->room, state_->most_written);
    std::size_t taken = 0;
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto part = std::min(pieces[i].iov_len, most - taken);
      state_->from_server.append(static_cast<const char*>(pieces[i].iov_base), part);
      taken += part;
      wanted += pieces[i].iov_len;
    }
    if (state_->room != memory_peer::unlimited) state_->room -= taken;
    state_->changed.notify_all();
    if (taken == wanted) return {taken, status::more};
    return {taken, taken == 0 ? status::would_block : status::drained};
  }

  void wait_readable(server::stream_events& who) override {
    const std::scoped_lock held(state_->lock);
    state_->reader = &who;
    const bool ready = !state_->to_server.empty() || state_->ended || state_->broken;
    if (ready || state_->shut) memory_peer::wake_reader(*state_, state_->shut);
  }
  void wait_writable(server::stream_events& who) override {
    const std::scoped_lock held(state_->lock);
    state_->writer = &who;
    state_->changed.notify_all();
    if (state_->room != 0 || state_->broken || state_->shut) {
      memory_peer::wake_writer(*state_, state_->shut);
    }
  }
  void cancel_waits() override {
    const std::scoped_lock held(state_->lock);
    memory_peer::wake_reader(*state_, true);
    memory_peer::wake_writer(*state_, true);
  }
  void leave_loop() override {
    const std::scoped_lock held(state_->lock);
    check_thread();
    state_->owner = nullptr;
    state_->thread = {};
  }
  void join_loop(boost::asio::io_context& loop) override {
    const std::scoped_lock held(state_->lock);
    check_thread();
    state_->owner = &loop;
  }
  void shutdown() override {
    const std::scoped_lock held(state_->lock);
    state_->shut = true;
    state_->changed.notify_all();
    memory_peer::wake_reader(*state_, true);
    memory_peer::wake_writer(*state_, true);
  }

  [[nodiscard]] bool is_direct() const noexcept override { return false; }

 private:
  void check_thread() const {
    if (state_->thread == std::thread::id{}) state_->thread = std::this_thread::get_id();
    if (state_->thread != std::this_thread::get_id()) ++state_->foreign_calls;
  }

  std::shared_ptr<memory_peer::state> state_;
};

inline std::unique_ptr<server::stream> memory_peer::make_stream(boost::asio::io_context& owner) {
  state_->owner = &owner;
  return std::make_unique<memory_stream>(state_);
}

}  // namespace nuncio::test
