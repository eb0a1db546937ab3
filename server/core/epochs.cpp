#include "epochs.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace nuncio::server {

epochs::epochs(unsigned members, std::function<void(unsigned)> wake)
    : members_(std::min(members, max_members)),
      wake_(std::move(wake)),
      slots_(std::make_unique<slot[]>(members_)) {}

void epochs::tell_waiters() const {
  for (auto bits = waiting_.load(std::memory_order_seq_cst); bits != 0; bits &= bits - 1) {
    wake_(static_cast<unsigned>(std::countr_zero(bits)));
  }
}

epoch_member::~epoch_member() {
  seal();
  for (const auto& old : sealed_) {
    for (const auto& item : old.things) item.free_it(item.thing);
  }
}

void epoch_member::enter_anew(std::uint64_t seen) {
  auto now = all_.now_.load(std::memory_order_seq_cst);
  for (;;) {
    slot_.store(now, std::memory_order_seq_cst);
    if (seen != epochs::away) break;
    const auto again = all_.now_.load(std::memory_order_seq_cst);
    if (again == now) break;
    now = again;
  }
  all_.tell_waiters();
}

void epoch_member::leave() {
  slot_.store(epochs::away, std::memory_order_seq_cst);
  all_.tell_waiters();
  reclaim();
}

std::uint64_t epoch_member::seal() {
  const auto tag = all_.now_.fetch_add(1, std::memory_order_seq_cst) + 1;
  if (!fresh_.empty()) {
    sealed_.push_back({tag, std::move(fresh_)});
    fresh_.clear();
  }
  return tag;
}

bool epoch_member::passed(std::uint64_t tag) const noexcept {
  for (unsigned i = 0; i < all_.members_; ++i) {
    if (i == index_) continue;  // this member's own caller says that it is quiescent
    const auto seen = all_.slots_[i].seen.load(std::memory_order_seq_cst);
    if (seen != epochs::away && seen < tag) return false;
  }
  return true;
}

void epoch_member::when_passed(std::uint64_t tag, std::function<void()> then) {
  // The bit first, then the slots: whoever stores a slot afterwards sees the bit.
  all_.waiting_.fetch_or(std::uint64_t{1} << index_, std::memory_order_seq_cst);
  waiters_.push_back({tag, std::move(then)});
  if (passed(tag)) all_.wake_(index_);
}

void epoch_member::check_waiters() {
  std::vector<waiter> ready;
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    if (passed(it->tag)) {
      ready.push_back(std::move(*it));
      it = waiters_.erase(it);
    } else {
      ++it;
    }
  }
  if (waiters_.empty()) {
    all_.waiting_.fetch_and(~(std::uint64_t{1} << index_), std::memory_order_seq_cst);
  }
  for (auto& done : ready) done.then();
}

void epoch_member::reclaim() {
  if (!fresh_.empty()) seal();
  while (!sealed_.empty() && passed(sealed_.front().tag)) {
    const auto things = std::move(sealed_.front().things);
    sealed_.pop_front();
    for (const auto& item : things) item.free_it(item.thing);
  }
}

}  // namespace nuncio::server
