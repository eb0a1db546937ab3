#include "listener.hpp"

#include "listen_on.hpp"
#include "pipe.hpp"
#include "shard.hpp"

#include <boost/asio/post.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace nuncio::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Connections taken in a row before the other handlers of the shard get their turn. Each of them
// is one more handler that greets, so that a crowd takes a turn in small parts.
constexpr int accepts_at_once = 4;
constexpr std::chrono::seconds retry_after{1};

tcp::endpoint endpoint_of(const sockaddr_storage& from) {
  tcp::endpoint out;
  std::memcpy(out.data(), &from,
              from.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
  return out;
}

}  // namespace

listener::listener(node& owner, listen_address at)
    : node_(owner),
      at_(std::move(at)),
      io_(owner.shards.front()->io()),
      acceptor_(io_),
      retry_(io_) {}

void listener::open() {
  port_ = listen_on(acceptor_, at_.host, at_.port);
  boost::system::error_code ignored;
  acceptor_.set_option(tcp::no_delay(true), ignored);  // accepted sockets inherit it
}

void listener::start() {
  asio::post(io_, [this] { wait(); });
  const std::scoped_lock held(door_);
  is_welcome_ = true;
}

void listener::close() {
  {
    const std::scoped_lock held(door_);
    is_welcome_ = false;
  }
  node_.run_on_first([this] {
    closed_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
  });
}

void listener::wait() {
  if (closed_ || !acceptor_.is_open()) return;
  acceptor_.async_wait(tcp::acceptor::wait_read, [this](const boost::system::error_code& failure) {
    if (!failure) accept_ready();
  });
}

void listener::accept_ready() {
  shard& home = *node_.shards.front();
  home.enter();
  const auto most = node_.rules()->opts.max_accepts;
  for (int i = 0; i < accepts_at_once; ++i) {
    if (const auto early = node_.pace.take(most, home.now()); early.count() > 0) {
      home.end_batch();
      return wait_for(early);
    }
    if (accept_one()) continue;
    const int reason = errno;
    home.end_batch();
    if (reason == EMFILE || reason == ENFILE || reason == ENOBUFS || reason == ENOMEM) {
      return pause_accepting(reason);
    }
    return wait();
  }
  home.end_batch();
  wait();
}

// False, with errno, if there is nothing to accept.
bool listener::accept_one() {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  const int descriptor = ::accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&from),
                                   &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor < 0) return errno == ECONNABORTED || errno == EINTR;
  const auto peer = endpoint_of(from);
  if (is_full()) {
    refuse(descriptor, peer);
    return true;
  }
  node_.connections.fetch_add(1, std::memory_order_relaxed);
  choose().adopt(descriptor, peer, at_.by);
  return true;
}

void listener::pause_accepting(int reason) {
  node_.log.write(log_level::error, std::string("Temporary Client Accept Error (") +
                                        std::generic_category().message(reason) +
                                        "), sleeping 1000ms");
  wait_for(retry_after);
}

// Who comes meanwhile waits in the kernel.
void listener::wait_for(std::chrono::steady_clock::duration delay) {
  retry_.expires_after(delay);
  retry_.async_wait([this](const boost::system::error_code& failure) {
    if (!failure) wait();
  });
}

// With a fixed number of shards connections are spread from the start. Otherwise the first shard
// takes all until it is saturated: two threads make a lone request dearer, and only load pays for
// it.
shard& listener::choose() const {
  const auto& all = node_.shards;
  const auto now = std::chrono::steady_clock::now();
  if (node_.opts.shards == 0 && !all.front()->load().saturated(now)) return *all.front();
  const auto busier = [&](const std::unique_ptr<shard>& a, const std::unique_ptr<shard>& b) {
    if (node_.opts.shards == 0) {
      const auto left = a->load().per_mille(now);
      const auto right = b->load().per_mille(now);
      if (left != right) return left < right;
    }
    return a->size() < b->size();
  };
  return **std::min_element(all.begin(), all.end(), busier);
}

std::unique_ptr<in_process_end> listener::connect() {
  const std::scoped_lock held(door_);
  if (!is_welcome_) return nullptr;
  const tcp::endpoint peer(asio::ip::address_v4::loopback(), 0);
  shard& home = choose();
  auto ends = make_pipe(home.io());
  if (is_full()) {
    std::string text = refusal(peer, connection_type::in_process);
    const iovec piece{text.data(), text.size()};
    ends.server->write(&piece, 1);
    return std::move(ends.user);
  }
  node_.connections.fetch_add(1, std::memory_order_relaxed);
  home.adopt(std::move(ends.server), peer);
  return std::move(ends.user);
}

bool listener::is_full() const {
  const auto limit = node_.rules()->opts.max_connections;
  return limit > 0 && node_.connections.load(std::memory_order_relaxed) >= limit;
}

// The reference says who it is before it says no.
std::string listener::refusal(const tcp::endpoint& peer, connection_type type) const {
  return protocol::info_line(
             node::info_for(*node_.rules(), node_.next_cid.fetch_add(1), peer, type)) +
         protocol::error_line(protocol::errc::max_connections);
}

void listener::refuse(int descriptor, const tcp::endpoint& peer) const {
  // Before the upgrade there is no way to say why.
  const std::string text = at_.by == connection_type::standard ? refusal(peer, at_.by) : "";
  [[maybe_unused]] const auto sent = ::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
  ::shutdown(descriptor, SHUT_WR);
  ::close(descriptor);
}

}  // namespace nuncio::server
