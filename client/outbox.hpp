#pragma once

#include <nuncio/client/error.hpp>
#include <nuncio/client/options.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

namespace nuncio::client {

/// What waits to be written: everything that is published between two writes goes out in the next
/// one. The one thing of a connection that other threads touch, so that publishing needs no
/// hand-over.
///
/// Thread safety: any; `lock_` guards all of it and is held for a copy of a message at most.
/// Invariant: whoever finds it idle and puts something in has the duty to cause a write, which the
/// results say.
class outbox {
 public:
  /// What became of a message.
  struct outcome {
    boost::system::error_code error;
    bool wake = false;  ///< the caller must cause a call of take()
  };

  outbox(std::size_t limit, when_full policy) : limit_(limit), policy_(policy) {}

  /// Whether a message makes sense on another connection than the present one.
  enum class lasting : std::uint8_t { no, yes };

  /// `write(std::string&)` appends one message or line of at most `size` bytes.
  template <class Write>
  outcome put(std::size_t size, const Write& write, lasting is = lasting::yes) {
    const std::scoped_lock held(lock_);
    if (is_closed_) return {errc::closed, false};
    if (waiting_.size() + size > limit_ && !make_room(size)) return {errc::buffer_full, false};
    append(write, is);
    return {{}, note_work()};
  }

  /// A line of the protocol: taken while there is a connection, however much waits. A new
  /// connection begins with all of those that still matter, so otherwise it is errc::disconnected.
  template <class Write>
  outcome put_control(const Write& write) {
    const std::scoped_lock held(lock_);
    if (!is_open_) return {errc::disconnected, false};
    append(write, lasting::no);
    return {{}, note_work()};
  }

  /// There is a connection: `first` goes out before what has waited. True if the caller must cause
  /// a call of take().
  bool open(std::string_view first);
  /// The connection is gone; messages wait for the next one, but for those that were meant for this
  /// one, as lines of the protocol are.
  void suspend();
  /// The connection is about to be left: appends all that waits to `into`, its last. Messages wait
  /// for the next one from now on.
  void take_last(std::string& into);
  /// Nothing is taken any more, and what waits is thrown away.
  void close();

  /// All that waits, in exchange for an empty buffer. False if there is nothing: then the next
  /// put() asks for a call again.
  bool take(std::string& into);

  /// Bytes that wait, those in the hands of a writer not counted.
  [[nodiscard]] std::size_t size() const;
  /// Messages that made room for others.
  [[nodiscard]] std::uint64_t dropped() const;
  [[nodiscard]] bool has_room(std::size_t size) const;

 private:
  struct piece {
    std::size_t size;
    lasting is;
  };

  template <class Write>
  void append(const Write& write, lasting is) {
    const auto before = waiting_.size();
    write(waiting_);
    const auto size = waiting_.size() - before;
    if (policy_ == when_full::drop_oldest || is == lasting::no) {
      note_piece(size, is);
    } else {
      unnoted_ += size;
    }
  }
  void note_piece(std::size_t size, lasting is);
  void forget_pieces() noexcept;
  bool make_room(std::size_t size);
  bool note_work() noexcept {
    if (!is_open_ || is_awake_) return false;
    is_awake_ = true;
    return true;
  }

  mutable std::mutex lock_;
  std::string waiting_;
  // What `waiting_` consists of; where no message is dropped, several are one piece.
  std::deque<piece> pieces_;
  std::size_t unnoted_ = 0;  // behind them
  std::size_t limit_;
  when_full policy_;
  std::uint64_t dropped_ = 0;
  bool is_open_ = false;
  bool is_awake_ = false;  // somebody is going to call take()
  bool is_closed_ = false;
};

}  // namespace nuncio::client
