#include "tcp_stream.hpp"

#include <climits>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace nuncio::server {
namespace {

namespace asio = boost::asio;

template <class T>
struct wait_allocator {
  using value_type = T;

  explicit wait_allocator(wait_memory& m) noexcept : memory(&m) {}
  template <class U>
  wait_allocator(const wait_allocator<U>& other) noexcept : memory(other.memory) {}

  T* allocate(std::size_t n) {
    static_assert(sizeof(T) <= wait_memory::size && alignof(T) <= 8);
    return static_cast<T*>(memory->take(n * sizeof(T)));
  }
  void deallocate(T* p, std::size_t) noexcept { memory->give(p); }
  friend bool operator==(const wait_allocator& a, const wait_allocator& b) noexcept {
    return a.memory == b.memory;
  }

  wait_memory* memory;
};

struct read_handler {
  using allocator_type = wait_allocator<void>;

  stream_events* who;
  wait_memory* memory;

  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{*memory}; }
  void operator()(const boost::system::error_code& failure) const {
    who->on_readable(failure.failed());
  }
};

stream::result outcome_of(ssize_t moved, std::size_t wanted) noexcept {
  if (moved > 0 || (moved == 0 && wanted == 0)) {
    const auto size = static_cast<std::size_t>(moved);
    return {size, size < wanted ? stream::status::drained : stream::status::more};
  }
  if (moved == 0) return {0, stream::status::ended};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return {0, stream::status::would_block};
  }
  return {0, stream::status::failed};
}

}  // namespace

tcp_stream::tcp_stream(socket open)
    : socket_(std::move(open)), descriptor_(socket_.native_handle()) {}

stream::result tcp_stream::read(std::span<char> into) {
  return outcome_of(::recv(descriptor_, into.data(), into.size(), 0), into.size());
}

stream::result tcp_stream::write(const iovec* pieces, std::size_t count) {
  if (count == 1) {
    return outcome_of(::send(descriptor_, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL),
                      pieces->iov_len);
  }
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < count; ++i) wanted += pieces[i].iov_len;
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = std::min<std::size_t>(count, IOV_MAX);
  return outcome_of(::sendmsg(descriptor_, &message, MSG_NOSIGNAL), wanted);
}

void tcp_stream::wait_readable(stream_events& who) {
  socket_.async_wait(asio::socket_base::wait_read, read_handler{&who, &read_wait_});
}

void tcp_stream::wait_writable(stream_events& who) {
  socket_.async_wait(
      asio::socket_base::wait_write,
      [&who](const boost::system::error_code& failure) { who.on_writable(failure.failed()); });
}

void tcp_stream::cancel_waits() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void tcp_stream::leave_loop() {
  boost::system::error_code ignored;
  socket_.release(ignored);  // off the old loop; the descriptor stays open and is still ours
}

void tcp_stream::join_loop(asio::io_context& loop) {
  socket_ = socket(loop);
  boost::system::error_code ignored;
  socket_.assign(asio::ip::tcp::v6(), descriptor_, ignored);
}

void tcp_stream::shutdown() {
  ::shutdown(descriptor_, SHUT_RDWR);
  cancel_waits();
}

}  // namespace nuncio::server
