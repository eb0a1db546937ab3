#include "pipe.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <mutex>
#include <utility>

namespace nuncio::server {
namespace {

/// The bytes of one direction, in a ring.
class lane {
 public:
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  // A writer that waits is woken for more than a few bytes.
  [[nodiscard]] bool has_much_room() const noexcept { return size_ <= pipe_capacity / 2; }
  [[nodiscard]] bool is_full() const noexcept { return size_ == pipe_capacity; }

  std::size_t put(const char* from, std::size_t size) noexcept {
    size = std::min(size, pipe_capacity - size_);
    const auto at = (begin_ + size_) % pipe_capacity;
    const auto first = std::min(size, pipe_capacity - at);
    std::memcpy(ring_.get() + at, from, first);
    std::memcpy(ring_.get(), from + first, size - first);
    size_ += size;
    return size;
  }
  std::size_t take(std::span<char> into) noexcept {
    const auto size = std::min(into.size(), size_);
    const auto first = std::min(size, pipe_capacity - begin_);
    std::memcpy(into.data(), ring_.get() + begin_, first);
    std::memcpy(into.data() + first, ring_.get(), size - first);
    size_ -= size;
    // From the start when empty: what is used stays in the cache.
    begin_ = size_ == 0 ? 0 : (begin_ + size) % pipe_capacity;
    return size;
  }

 private:
  std::unique_ptr<char[]> ring_ = std::make_unique_for_overwrite<char[]>(pipe_capacity);
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
};

/// What both ends share. Neither is called, nor is anything posted, but what is named here.
/// Invariant, at every unlock: who waits for a thing doesn't have it.
struct pipe {
  std::mutex lock;  // guards all of it; held while bytes are copied and wake-ups are posted
  lane to_server;
  lane to_user;
  bool is_shut = false;    // by the server
  bool is_closed = false;  // by the user

  boost::asio::io_context* loop = nullptr;  // nobody's while the server's end moves
  stream_events* reader = nullptr;
  stream_events* writer = nullptr;

  std::function<void()> readable;
  std::function<void()> writable;
  bool user_reads = false;  // waits for something to read
  bool user_writes = false;

  // All of these under the lock.
  void wake_reader(bool aborted = false) {
    auto* const who = std::exchange(reader, nullptr);
    if (who != nullptr) boost::asio::post(*loop, [who, aborted] { who->on_readable(aborted); });
  }
  void wake_writer(bool aborted = false) {
    auto* const who = std::exchange(writer, nullptr);
    if (who != nullptr) boost::asio::post(*loop, [who, aborted] { who->on_writable(aborted); });
  }
  void wake_user_reader() const {
    if (user_reads && readable) readable();
  }
  void wake_user_writer() const {
    if (user_writes && writable) writable();
  }
  void shut() {
    if (std::exchange(is_shut, true)) return;
    wake_user_reader();
    wake_user_writer();
    user_reads = user_writes = false;
  }
};

class pipe_stream final : public stream {
 public:
  explicit pipe_stream(std::shared_ptr<pipe> shared) : pipe_(std::move(shared)) {}
  pipe_stream(const pipe_stream&) = delete;
  pipe_stream& operator=(const pipe_stream&) = delete;
  ~pipe_stream() override {
    const std::scoped_lock held(pipe_->lock);
    pipe_->shut();
  }

  result read(std::span<char> into) override {
    const std::scoped_lock held(pipe_->lock);
    auto& from = pipe_->to_server;
    if (from.empty()) return {0, pipe_->is_closed ? status::ended : status::would_block};
    const auto size = from.take(into);
    if (pipe_->user_writes && from.has_much_room()) {
      pipe_->wake_user_writer();
      pipe_->user_writes = false;
    }
    return {size, from.empty() && !pipe_->is_closed ? status::drained : status::more};
  }

  result write(const iovec* pieces, std::size_t count) override {
    const std::scoped_lock held(pipe_->lock);
    if (pipe_->is_closed || pipe_->is_shut) return {0, status::failed};
    std::size_t taken = 0;
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < count; ++i) {
      wanted += pieces[i].iov_len;
      taken += pipe_->to_user.put(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      if (taken != wanted) break;
    }
    if (taken != 0 && pipe_->user_reads) {
      pipe_->wake_user_reader();
      pipe_->user_reads = false;
    }
    if (taken == wanted) return {taken, status::more};
    return {taken, taken == 0 ? status::would_block : status::drained};
  }

  void wait_readable(stream_events& who) override {
    const std::scoped_lock held(pipe_->lock);
    pipe_->reader = &who;
    const bool is_ready = !pipe_->to_server.empty() || pipe_->is_closed;
    if (is_ready || pipe_->is_shut) pipe_->wake_reader(pipe_->is_shut);
  }
  void wait_writable(stream_events& who) override {
    const std::scoped_lock held(pipe_->lock);
    pipe_->writer = &who;
    const bool is_ready = pipe_->to_user.has_much_room() || pipe_->is_closed;
    if (is_ready || pipe_->is_shut) pipe_->wake_writer(pipe_->is_shut);
  }
  void cancel_waits() override {
    const std::scoped_lock held(pipe_->lock);
    pipe_->wake_reader(true);
    pipe_->wake_writer(true);
  }
  void leave_loop() override {
    const std::scoped_lock held(pipe_->lock);
    pipe_->loop = nullptr;
  }
  void join_loop(boost::asio::io_context& loop) override {
    const std::scoped_lock held(pipe_->lock);
    pipe_->loop = &loop;
  }
  void shutdown() override {
    const std::scoped_lock held(pipe_->lock);
    pipe_->shut();
    pipe_->wake_reader(true);
    pipe_->wake_writer(true);
  }
  [[nodiscard]] bool is_direct() const noexcept override { return true; }
  [[nodiscard]] connection_type type() const noexcept override {
    return connection_type::in_process;
  }

 private:
  std::shared_ptr<pipe> pipe_;
};

class user_end final : public in_process_end {
 public:
  explicit user_end(std::shared_ptr<pipe> shared) : pipe_(std::move(shared)) {}
  user_end(const user_end&) = delete;
  user_end& operator=(const user_end&) = delete;
  ~user_end() override { close_once(); }

  void listen(std::function<void()> readable, std::function<void()> writable) override {
    const std::scoped_lock held(pipe_->lock);
    pipe_->readable = std::move(readable);
    pipe_->writable = std::move(writable);
  }

  result read(std::span<char> into) override {
    const std::scoped_lock held(pipe_->lock);
    auto& from = pipe_->to_user;
    if (pipe_->is_closed) return {0, true};
    if (from.empty()) {
      pipe_->user_reads = !pipe_->is_shut;
      return {0, pipe_->is_shut};
    }
    const auto size = from.take(into);
    if (from.has_much_room()) pipe_->wake_writer();
    return {size, false};
  }

  result write(std::string_view bytes) override {
    const std::scoped_lock held(pipe_->lock);
    if (pipe_->is_closed || pipe_->is_shut) return {0, true};
    const auto size = pipe_->to_server.put(bytes.data(), bytes.size());
    if (size != 0) pipe_->wake_reader();
    pipe_->user_writes = size != bytes.size();
    return {size, false};
  }

  void close() noexcept override { close_once(); }

 private:
  void close_once() noexcept {
    std::function<void()> readable;
    std::function<void()> writable;
    const std::scoped_lock held(pipe_->lock);
    // What they hold goes when the lock is free again.
    readable.swap(pipe_->readable);
    writable.swap(pipe_->writable);
    if (std::exchange(pipe_->is_closed, true)) return;
    pipe_->wake_reader();
    pipe_->wake_writer();
  }

  std::shared_ptr<pipe> pipe_;
};

}  // namespace

pipe_ends make_pipe(boost::asio::io_context& loop) {
  auto shared = std::make_shared<pipe>();
  shared->loop = &loop;
  return {std::make_unique<pipe_stream>(shared), std::make_unique<user_end>(shared)};
}

}  // namespace nuncio::server
