#include "outbox.hpp"

#include <utility>

namespace nuncio::client {

bool outbox::open(std::string_view first) {
  const std::scoped_lock held(lock_);
  if (is_closed_) return false;
  is_open_ = true;
  waiting_.insert(0, first);
  if (!first.empty()) pieces_.push_front({first.size(), lasting::no});
  is_awake_ = false;
  return !waiting_.empty() && note_work();
}

void outbox::suspend() {
  const std::scoped_lock held(lock_);
  is_open_ = false;
  if (pieces_.empty()) return;
  std::string kept;
  std::size_t at = 0;
  for (const auto& each : pieces_) {
    if (each.is == lasting::yes) kept.append(waiting_, at, each.size);
    at += each.size;
  }
  kept.append(waiting_, at);
  waiting_ = std::move(kept);
  std::erase_if(pieces_, [](const piece& each) { return each.is == lasting::no; });
}

void outbox::take_last(std::string& into) {
  const std::scoped_lock held(lock_);
  is_open_ = false;
  into += waiting_;
  waiting_.clear();
  forget_pieces();
}

// What goes together is one piece: a stream's items are many.
void outbox::note_piece(std::size_t size, lasting is) {
  if (unnoted_ > 0) pieces_.push_back({std::exchange(unnoted_, 0), lasting::yes});
  if (is == lasting::no && !pieces_.empty() && pieces_.back().is == is) {
    pieces_.back().size += size;
  } else {
    pieces_.push_back({size, is});
  }
}

void outbox::forget_pieces() noexcept {
  pieces_.clear();
  unnoted_ = 0;
}

void outbox::close() {
  const std::scoped_lock held(lock_);
  is_open_ = false;
  is_closed_ = true;
  waiting_ = {};
  forget_pieces();
}

bool outbox::take(std::string& into) {
  into.clear();
  const std::scoped_lock held(lock_);
  if (!is_open_) return false;
  std::swap(waiting_, into);
  forget_pieces();
  is_awake_ = !into.empty();
  return is_awake_;
}

std::size_t outbox::size() const {
  const std::scoped_lock held(lock_);
  return waiting_.size();
}

std::uint64_t outbox::dropped() const {
  const std::scoped_lock held(lock_);
  return dropped_;
}

bool outbox::has_room(std::size_t size) const {
  const std::scoped_lock held(lock_);
  const bool dropping = policy_ == when_full::drop_oldest && !is_open_ && size <= limit_;
  return is_closed_ || dropping || waiting_.size() + size <= limit_;
}

// The lock is held. Lines of the protocol, which must not go, lie here only while there is a
// connection. A message that doesn't fit by itself never does.
bool outbox::make_room(std::size_t size) {
  if (policy_ != when_full::drop_oldest || is_open_ || size > limit_) return false;
  std::size_t gone = 0;
  while (!pieces_.empty() && waiting_.size() - gone + size > limit_) {
    gone += pieces_.front().size;
    pieces_.pop_front();
    ++dropped_;
  }
  waiting_.erase(0, gone);
  return true;
}

}  // namespace nuncio::client
