#include "guessers.hpp"

#include "failure.hpp"
#include "socket.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <string_view>

namespace nuncio::bench {
namespace {

constexpr unsigned source_addresses = 200;
constexpr std::string_view guess =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"user\":\"victim\",\"pass\":\"a guess\"}\r\n"
    "PING\r\n";

}  // namespace

class guessers::guesser final : public event_handler {
 public:
  guesser(event_loop& loop, unique_fd fd) : fd_(std::move(fd)) {
    loop.add(fd_.get(), EPOLLIN, *this);
  }

  // Being closed is what it is here for, so it reads by itself.
  void on_events(std::uint32_t) override {
    char part[4096];
    const ssize_t n = ::recv(fd_.get(), part, sizeof part, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      is_over_ = true;
      return;
    }
    heard_.append(part, static_cast<std::size_t>(n));
    if (heard_.find("PONG\r\n") != std::string::npos) fail("a wrong password was good enough");
    if (has_guessed_ || heard_.find("\r\n") == std::string::npos) return;
    has_guessed_ = true;
    ::send(fd_.get(), guess.data(), guess.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  bool is_over() const { return is_over_; }
  bool is_judged() const { return heard_.find("'Authorization Violation'") != std::string::npos; }

 private:
  unique_fd fd_;
  std::string heard_;
  bool has_guessed_ = false;
  bool is_over_ = false;
};

guessers::guessers(event_loop& loop, const endpoint& server, double rate)
    : loop_(loop), server_(server), rate_(rate) {}

guessers::~guessers() = default;

void guessers::work(nanoseconds now) {
  std::erase_if(under_way_, [this](const auto& one) {
    if (!one->is_over()) return false;
    judged_ += one->is_judged() ? 1 : 0;
    return true;
  });
  const auto due = static_cast<std::uint64_t>(static_cast<double>(now - started_at_) * rate_ / 1e9);
  for (; due_ < due; ++due_) {
    if (under_way_.size() == most_at_once) continue;
    const auto source = static_cast<unsigned>(begun_++ % source_addresses) + 1;
    under_way_.push_back(std::make_unique<guesser>(loop_, start_connect(server_.port, source)));
  }
}

}  // namespace nuncio::bench
