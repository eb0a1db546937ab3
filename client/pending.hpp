#pragma once

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <utility>

namespace nuncio::client {

/// An operation of the user's that waits for something: the handler, and work on its executor so
/// that the executor doesn't run dry meanwhile.
///
/// Thread: one at a time. It is completed exactly once.
template <class... Args>
class pending {
 public:
  using handler = boost::asio::any_completion_handler<void(Args...)>;

  pending(handler done, const boost::asio::any_io_executor& fallback)
      : work_(boost::asio::prefer(boost::asio::any_completion_executor(
                                      boost::asio::get_associated_executor(done, fallback)),
                                  boost::asio::execution::outstanding_work.tracked)),
        done_(std::move(done)) {}

  [[nodiscard]] auto slot() const noexcept {
    return boost::asio::get_associated_cancellation_slot(done_);
  }

  /// From a handler of ours: at once, if the handler's executor allows.
  void complete(Args... args) {
    release_slot();
    boost::asio::dispatch(std::exchange(work_, {}), call(std::move(args)...));
  }
  /// Where complete() would be too early: in the call that starts the operation. By way of our own
  /// executor, since nothing can be posted to one whose type is unknown.
  void post(const boost::asio::any_io_executor& by, Args... args) {
    release_slot();
    boost::asio::post(by,
                      [work = std::exchange(work_, {}), done = call(std::move(args)...)]() mutable {
                        boost::asio::dispatch(work, std::move(done));
                      });
  }

 private:
  void release_slot() {
    if (auto held = slot(); held.is_connected()) held.clear();
  }
  auto call(Args... args) {
    return [done = std::move(done_), ... args = std::move(args)]() mutable {
      std::move(done)(std::move(args)...);
    };
  }

  boost::asio::any_completion_executor work_;
  handler done_;
};

}  // namespace nuncio::client
