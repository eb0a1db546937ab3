#pragma once

#include "driver.hpp"
#include "pending.hpp"
#include "subscription_book.hpp"

#include <nuncio/client/message.hpp>
#include <nuncio/client/options.hpp>
#include <nuncio/client/subscription.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace nuncio::client {

/// A subscription as the connection holds it: the messages that wait, or who waits for them.
///
/// Thread safety: the connection's executor, but for what is constant or atomic.
/// Invariant: messages wait, or operations do, never both.
class subscription_state final : public subscriber,
                                 public std::enable_shared_from_this<subscription_state> {
 public:
  using callback = std::function<void(const message_view&)>;
  using next_operation = pending<boost::system::error_code, message>;

  subscription_state(driver& home,
                     subscription_book::sid id,
                     std::string subject,
                     const subscription_limits& limits,
                     callback deliver)
      : home_(home),
        owner_(home.weak_from_this()),
        executor_(home.get_executor()),
        sid_(id),
        subject_(std::move(subject)),
        limits_(limits),
        deliver_(std::move(deliver)) {}

  subscription_state(const subscription_state&) = delete;
  subscription_state& operator=(const subscription_state&) = delete;
  virtual ~subscription_state() = default;

  [[nodiscard]] subscription_book::sid id() const noexcept { return sid_; }
  [[nodiscard]] const std::string& subject() const noexcept { return subject_; }
  /// Null once the connection is gone.
  [[nodiscard]] std::shared_ptr<driver> owner() const noexcept { return owner_.lock(); }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }

  void on_message(const protocol::server_message& m) override;
  void on_end(boost::system::error_code why) override;

  void start_next(subscription::next_handler handler);
  std::optional<message> try_next();
  /// No more messages: `why`, or that it has ended, is said once those that wait are taken.
  void finish(boost::system::error_code why);
  /// The user lets go of it: nobody is called any more.
  void abandon();

 private:
  struct waiting {
    std::uint64_t number;
    next_operation operation;
  };

  void queue(const protocol::server_message& m);
  void drop_one();
  void cancel_next(std::uint64_t number);

  driver& home_;  // for calls that come from it; others lock owner_
  const std::weak_ptr<driver> owner_;
  const boost::asio::any_io_executor executor_;
  const subscription_book::sid sid_;
  const std::string subject_;
  const subscription_limits limits_;
  const callback deliver_;
  std::deque<message> messages_;
  std::size_t bytes_ = 0;  // of their payloads and headers
  std::deque<waiting> waiting_;
  std::uint64_t operations_ = 0;
  std::optional<boost::system::error_code> end_;
  bool is_dropping_ = false;  // said so already
  bool owes_error_ = false;   // of messages dropped
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace nuncio::client
