#pragma once

#include <nuncio/protocol/message_parser.hpp>

#include <boost/system/error_code.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::client {

/// Who gets the messages of a subscription. Thread: the book's.
class subscriber {
 public:
  virtual void on_message(const protocol::server_message& m) = 0;
  /// No message will come any more: `why` is empty if it was unsubscribed or has had its maximum.
  /// The book has forgotten it.
  virtual void on_end(boost::system::error_code why) = 0;

 protected:
  ~subscriber() = default;
};

/// The subscriptions of a client. They outlive connections, and may lie on two at a time while the
/// client moves from one server to another; a message finds them by whichever it came.
///
/// Pure: it only keeps the books and says which lines servers must hear. One thread.
/// Source: NATS client protocol, sections 6 and 7.
class subscription_book {
 public:
  using sid = std::uint64_t;

  subscription_book() = default;
  subscription_book(const subscription_book&) = delete;
  subscription_book& operator=(const subscription_book&) = delete;
  ~subscription_book() = default;

  /// Pre: `id` was never used before.
  void add(sid id, std::string subject, std::string queue, subscriber& to);
  /// After `max` messages, counted from the start, it ends: what UNSUB must say on this connection.
  /// 0 if it has had as many and ends now; nothing if it had ended before.
  /// Pre: max > 0.
  std::optional<std::uint64_t> limit(sid id, std::uint64_t max);
  /// It ends once what is on its way has come: no other connection hears of it.
  void leave(sid id);
  /// Forgets it; on_end() isn't called. False if it has ended already.
  bool remove(sid id);
  /// Ends all of them with `why`.
  void end_all(boost::system::error_code why);
  [[nodiscard]] std::size_t size() const noexcept { return subscriptions_.size(); }

  void deliver(const protocol::server_message& m);
  /// Ends what the text of a -ERR names: by subject and queue group, and by sid if it was there
  /// before.
  void refuse(std::string_view complaint);

  /// What a new connection, the only one, must hear: SUB and UNSUB lines of all.
  [[nodiscard]] std::string resubscription();

  // Moving, in this order. Members of queue groups are on both servers for a moment, since a group
  // gives each message to one member; every other subscription leaves the old server before it is
  // on the new one, so that nothing comes twice.

  /// What the new server hears first.
  [[nodiscard]] std::string join_groups();
  /// It stays on the old server until return_all(). Later lines don't name it.
  void stay(sid id);
  /// What the old server hears.
  [[nodiscard]] std::string leave_all();
  /// What the new server hears once the old one has said all.
  [[nodiscard]] std::string join_rest();
  /// The old server is gone: what the new one must hear of those that stayed there.
  [[nodiscard]] std::string return_all();

 private:
  enum class place : std::uint8_t { here, both, behind };

  struct subscription {
    std::string subject;
    std::string queue;
    subscriber* to;
    std::uint64_t max = 0;
    std::uint64_t delivered = 0;
    std::uint64_t earlier = 0;  // of these, on connections before this one
    bool is_leaving = false;
    place where = place::here;
  };

  static void append_lines(std::string& out, sid id, subscription& it);

  boost::unordered_flat_map<sid, subscription> subscriptions_;
  std::vector<sid> gone_from_both_;  // the new server has still to hear of it
};

}  // namespace nuncio::client
