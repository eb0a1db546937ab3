#pragma once

#include "subscription_book.hpp"
#include "timed_mux.hpp"

#include <nuncio/client/message.hpp>

#include <boost/intrusive/list.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::client {

class driver;

/// A table of calls and the subscription by which they're answered.
///
/// When the connection moves to another server, calls that are under way are still answered by way
/// of the old one, and new ones at another subject by way of the new: so no answer is lost between
/// the two, and none comes twice.
/// Thread: the driver's executor.
class inbox final : public subscriber,
                    public boost::intrusive::list_base_hook<
                        boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// `name` gives a prefix that nobody else uses, another one each time.
  /// `wildcard` stands behind it in the subscription. `stray` gets what is for none of the calls.
  inbox(driver& home,
        std::function<std::string()> name,
        char wildcard,
        std::function<void(const message_view&)> stray);
  inbox(const inbox&) = delete;
  inbox& operator=(const inbox&) = delete;
  ~inbox();

  [[nodiscard]] bool is_open() const noexcept { return id_ != 0; }
  /// Subscribes, unless it has. `owner` is kept alive while calls are told of something.
  void open(std::weak_ptr<void> owner);
  /// Ends all calls and unsubscribes.
  void close();
  /// The connection is about to leave its server, and will hear of a new subscription.
  void renew();
  /// The server that renew() was for is gone.
  void finish_renewal();

  [[nodiscard]] timed_mux& calls() noexcept { return *calls_; }
  /// What is subscribed to.
  [[nodiscard]] std::string subject() const { return calls_->prefix() + wildcard_; }

  void on_message(const protocol::server_message& m) override;
  /// A server may forbid the subject: then no call is ever answered.
  void on_end(boost::system::error_code why) override;

 private:
  driver& home_;
  const std::function<std::string()> name_;
  const char wildcard_;
  const std::function<void(const message_view&)> stray_;
  std::shared_ptr<timed_mux> calls_;
  subscription_book::sid id_ = 0;              // 0: there is none
  std::vector<subscription_book::sid> older_;  // of calls that were there before a move
};

}  // namespace nuncio::client
