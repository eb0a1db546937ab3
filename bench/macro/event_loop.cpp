#include "event_loop.hpp"

#include "failure.hpp"

namespace nuncio::bench {
namespace {

constexpr std::size_t events_per_wait = 256;

void control(int epoll, int operation, int fd, std::uint32_t events, event_handler* handler) {
  epoll_event e{};
  e.events = events;
  e.data.ptr = handler;
  if (::epoll_ctl(epoll, operation, fd, &e) != 0) fail_by_errno("epoll_ctl");
}

}  // namespace

event_loop::event_loop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), events_(events_per_wait), buffer_(read_buffer_size) {
  if (!epoll_) fail_by_errno("epoll_create1");
}

void event_loop::add(int fd, std::uint32_t events, event_handler& handler) {
  control(epoll_.get(), EPOLL_CTL_ADD, fd, events, &handler);
}

void event_loop::modify(int fd, std::uint32_t events, event_handler& handler) {
  control(epoll_.get(), EPOLL_CTL_MOD, fd, events, &handler);
}

void event_loop::remove(int fd) {
  control(epoll_.get(), EPOLL_CTL_DEL, fd, 0, nullptr);
}

void event_loop::run_once(nanoseconds timeout) {
  if (timeout < 0) timeout = 0;
  const timespec ts{timeout / one_second, timeout % one_second};
  const int n =
      ::epoll_pwait2(epoll_.get(), events_.data(), static_cast<int>(events_.size()), &ts, nullptr);
  if (n < 0 && errno != EINTR) fail_by_errno("epoll_pwait2");
  for (int i = 0; i < n; ++i) {
    const epoll_event& e = events_[static_cast<std::size_t>(i)];
    static_cast<event_handler*>(e.data.ptr)->on_events(e.events);
  }
}

}  // namespace nuncio::bench
