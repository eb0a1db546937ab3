#include "mux.hpp"

#include <cstring>
#include <utility>

namespace nuncio::client {
namespace {

constexpr std::string_view digits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

constexpr std::array<std::int8_t, 256> values = [] {
  std::array<std::int8_t, 256> out{};
  for (auto& each : out) each = -1;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    out[static_cast<unsigned char>(digits[i])] = static_cast<std::int8_t>(i);
  }
  return out;
}();

}  // namespace

mux::mux(std::string prefix, random_source random)
    : prefix_(std::move(prefix) + "."), random_(std::move(random)) {}

mux::~mux() {
  by_time_.clear();
}

void mux::rename(std::string prefix) {
  prefix_ = std::move(prefix) + ".";
  older_ = 0;
  for (auto& call : by_time_) {
    call.is_older_ = true;
    ++older_;
  }
}

// It leaves the timeline.
void mux::forget(mux_call& call) noexcept {
  by_time_.erase(timeline::s_iterator_to(call));
  if (call.is_older_) --older_;
}

mux::token mux::add(std::unique_ptr<mux_call> call) {
  auto which = draw();
  while (calls_.contains(which)) which = draw();
  call->token_ = which;
  // Most calls have the same time to live, so the newest is the last.
  by_time_.insert(by_time_.end(), *call);
  calls_.emplace(which, std::move(call));
  return which;
}

// From a stock: asking the system for each would cost more than the rest of a call.
mux::token mux::draw() {
  if (used_ + sizeof(token) > drawn_.size()) {
    random_(drawn_);
    used_ = 0;
  }
  token out = 0;
  std::memcpy(&out, drawn_.data() + used_, sizeof out);
  used_ += sizeof out;
  return out;
}

std::string mux::reply_subject(token which) const {
  std::string out;
  out.reserve(prefix_.size() + token_size);
  out += prefix_;
  for (std::size_t i = 0; i < token_size; ++i) {
    out += digits[which & 63];
    which >>= 6;
  }
  return out;
}

std::optional<mux::token> mux::token_of(std::string_view subject) const noexcept {
  if (subject.size() < token_size) return std::nullopt;
  const auto text = subject.substr(subject.size() - token_size);
  token out = 0;
  for (std::size_t i = token_size; i-- > 0;) {
    const auto value = values[static_cast<unsigned char>(text[i])];
    if (value < 0 || (i == token_size - 1 && value > 15)) return std::nullopt;
    out = out << 6 | static_cast<token>(value);
  }
  return out;
}

std::unique_ptr<mux_call> mux::remove(token which) {
  const auto at = calls_.find(which);
  if (at == calls_.end()) return nullptr;
  auto call = std::move(at->second);
  calls_.erase(at);
  if (call) forget(*call);
  return call;
}

bool mux::handle(const message_view& m, time now) {
  const auto which = token_of(m.subject);
  return which && say(*which, [&](mux_call& call) { return call.on_answer(m, now); });
}

// The call is taken out of its place meanwhile, since it may use the books, or be removed by what
// it does.
template <class Say>
bool mux::say(token which, const Say& say) {
  const auto at = calls_.find(which);
  if (at == calls_.end() || !at->second) return false;
  auto call = std::move(at->second);
  const auto next = say(*call);
  if (const auto again = calls_.find(which); again == calls_.end()) {
    if (call->is_linked()) forget(*call);
    if (next) call->on_failure(errc::closed);
  } else if (!next) {
    calls_.erase(again);
    forget(*call);
  } else {
    if (*next != call->deadline_) {
      by_time_.erase(timeline::s_iterator_to(*call));
      call->deadline_ = *next;
      by_time_.insert(*call);
    }
    again->second = std::move(call);
  }
  return true;
}

void mux::on_timer(time now) {
  while (!by_time_.empty() && by_time_.begin()->deadline_ <= now) {
    say(by_time_.begin()->token_, [now](mux_call& call) { return call.on_time(now); });
  }
}

std::optional<mux::time> mux::next_timer() const noexcept {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->deadline_;
}

void mux::fail_all(boost::system::error_code why) {
  by_time_.clear();
  older_ = 0;
  for (auto& [which, call] : std::exchange(calls_, {})) {
    if (call) call->on_failure(why);
  }
}

}  // namespace nuncio::client
