// epoll, and the one buffer everything is read into.
#pragma once

#include "clock.hpp"
#include "socket.hpp"

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nuncio::bench {

class event_handler {
 public:
  virtual ~event_handler() = default;
  virtual void on_events(std::uint32_t events) = 0;
};

class event_loop {
 public:
  event_loop();

  // The handler outlives its registration; closing the descriptor ends that.
  void add(int fd, std::uint32_t events, event_handler& handler);
  void modify(int fd, std::uint32_t events, event_handler& handler);
  void remove(int fd);

  // Waits for at most `timeout` and lets the handlers work.
  void run_once(nanoseconds timeout);

  // Shared by all connections: it stays in the cache, and an idle connection has none.
  char* read_buffer() { return buffer_.data(); }
  static constexpr std::size_t read_buffer_size = 256 * 1024;

 private:
  unique_fd epoll_;
  std::vector<epoll_event> events_;
  std::vector<char> buffer_;
};

}  // namespace nuncio::bench
