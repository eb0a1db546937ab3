#pragma once

#include "mux.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace nuncio::client {

/// A mux and the clock that it needs: one timer, set to the earliest of its calls.
///
/// Thread: the executor's.
class timed_mux : public std::enable_shared_from_this<timed_mux> {
 public:
  using token = mux::token;

  timed_mux(const boost::asio::any_io_executor& executor,
            std::string prefix,
            mux::random_source random);

  /// What the calls refer to; it is kept alive while they are called.
  void set_owner(std::weak_ptr<void> owner) { owner_ = std::move(owner); }

  void rename(std::string prefix) { mux_.rename(std::move(prefix)); }
  [[nodiscard]] std::size_t older() const noexcept { return mux_.older(); }
  [[nodiscard]] const std::string& prefix() const noexcept { return mux_.prefix(); }
  [[nodiscard]] std::string reply_subject(token which) const { return mux_.reply_subject(which); }
  token add(std::unique_ptr<mux_call> call);
  std::unique_ptr<mux_call> remove(token which) { return mux_.remove(which); }
  bool handle(const message_view& m, mux::time now);
  void fail_all(boost::system::error_code why);
  [[nodiscard]] std::size_t size() const noexcept { return mux_.size(); }

 private:
  void arm();

  mux mux_;
  boost::asio::steady_timer timer_;
  std::optional<mux::time> armed_;
  std::weak_ptr<void> owner_;
};

}  // namespace nuncio::client
