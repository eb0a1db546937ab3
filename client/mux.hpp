#pragma once

#include <nuncio/client/error.hpp>
#include <nuncio/client/message.hpp>

#include <boost/intrusive/set.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace nuncio::client {

/// A request that waits for answers. The mux owns it.
class mux_call : public boost::intrusive::set_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::safe_link>> {
 public:
  using time = std::chrono::steady_clock::time_point;

  explicit mux_call(time first_time) noexcept : deadline_(first_time) {}
  mux_call(const mux_call&) = delete;
  mux_call& operator=(const mux_call&) = delete;
  virtual ~mux_call() = default;

  /// An answer. When to call on_time() next; nothing if the call is over.
  virtual std::optional<time> on_answer(const message_view& m, time now) = 0;
  /// Its time has come. When it comes again; nothing if the call is over.
  virtual std::optional<time> on_time(time now) = 0;
  /// The call is over: `why` is not empty.
  virtual void on_failure(boost::system::error_code why) = 0;

 private:
  friend class mux;
  time deadline_;
  std::uint64_t token_ = 0;
  bool is_older_ = false;  // than the present prefix
};

/// The requests of a connection, all of which are answered on one wildcard subscription: the last
/// token of the subject says which one is meant.
///
/// Pure; one thread. Tokens are 64 unguessable bits, so that nobody can answer for another.
/// Source: NATS client protocol, section 11; the project's RPC specification, section 1.
class mux {
 public:
  using time = mux_call::time;
  using token = std::uint64_t;
  /// Fills all bytes with unguessable ones.
  using random_source = std::function<void(std::span<std::byte>)>;

  static constexpr std::size_t token_size = 11;

  /// `prefix` is a subject without wildcards that nobody else uses, such as `_INBOX.<nuid>`.
  mux(std::string prefix, random_source random);
  mux(const mux&) = delete;
  mux& operator=(const mux&) = delete;
  ~mux();

  /// Calls that are taken in from now on are answered at another subject. Those that are there are
  /// answered at either.
  void rename(std::string prefix);
  /// How many were there when it was last renamed.
  [[nodiscard]] std::size_t older() const noexcept { return older_; }

  /// What all reply subjects begin with; with a wildcard behind it, what must be subscribed to.
  [[nodiscard]] const std::string& prefix() const noexcept { return prefix_; }

  /// Takes a call in and says its token.
  token add(std::unique_ptr<mux_call> call);
  /// The subject on which `which` is answered.
  [[nodiscard]] std::string reply_subject(token which) const;
  /// Forgets a call and hands it out; null if it is over.
  std::unique_ptr<mux_call> remove(token which);

  /// A message of the subscription. False if no call waits for it: it is late, or forged.
  bool handle(const message_view& m, time now);
  /// Calls those whose time has come.
  void on_timer(time now);
  [[nodiscard]] std::optional<time> next_timer() const noexcept;
  /// Ends all of them.
  void fail_all(boost::system::error_code why);

  [[nodiscard]] std::size_t size() const noexcept { return calls_.size(); }

 private:
  struct sooner {
    bool operator()(const mux_call& a, const mux_call& b) const noexcept {
      return a.deadline_ < b.deadline_;
    }
  };
  using timeline = boost::intrusive::multiset<mux_call, boost::intrusive::compare<sooner>>;

  template <class Say>
  bool say(token which, const Say& say);
  void forget(mux_call& call) noexcept;
  token draw();
  [[nodiscard]] std::optional<token> token_of(std::string_view subject) const noexcept;

  std::string prefix_;  // with its last dot
  random_source random_;
  std::array<std::byte, 512> drawn_{};
  std::size_t used_ = drawn_.size();
  boost::unordered_flat_map<token, std::unique_ptr<mux_call>> calls_;
  timeline by_time_;
  std::size_t older_ = 0;
};

}  // namespace nuncio::client
