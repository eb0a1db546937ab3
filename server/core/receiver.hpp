#pragma once

#include <atomic>
#include <cstdint>

namespace nuncio::server {

class reply_grants;
class role;
class subscriber_rules;

/// What the router must know about who receives messages. The network's connection is one, the
/// server's own subscriber another; tests make plain ones.
///
/// Thread safety: `id` never changes; the rest is written by the owner's thread and read by all,
/// and who changes a flag or a rule while subscriptions exist bumps the stamps of the index
/// afterwards, since match entries remember what they found here.
struct receiver {
  enum flag : std::uint8_t {
    no_echo = 1,       ///< not its own messages
    no_headers = 2,    ///< header blocks are cut off
    takes_itself = 4,  ///< the role writes the message (routes, taps, the server's own subscriber)
    grants_replies = 8,  ///< a delivery with a reply lets it publish to that reply
    is_traced = 16       ///< its role wants to know of deliveries, for the log
  };

  explicit receiver(std::uint64_t receiver_id) noexcept : id(receiver_id) {}
  receiver(const receiver&) = delete;
  receiver& operator=(const receiver&) = delete;

  const std::uint64_t id;
  std::atomic<const subscriber_rules*> rules{nullptr};  ///< what it may not hear; null: all allowed
  std::atomic<std::uint8_t> flags{0};
  std::atomic<bool> closed{false};  ///< nothing reaches it any more
  /// Messages for it are lost until it has caught up; written by who holds its queue's lock.
  std::atomic<bool> is_left_out{false};
  std::atomic<reply_grants*> grants{nullptr};  ///< of a receiver that grants_replies
  role* self = nullptr;  ///< who takes the messages of a receiver that takes_itself; constant

 protected:
  ~receiver() = default;
};

}  // namespace nuncio::server
