#pragma once

#include "pick_random.hpp"
#include "wildcard_trie.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace nuncio::server {

/// Rewrites the subject of a published message before it is matched.
class subject_mapping {
 public:
  subject_mapping() = default;
  subject_mapping(const subject_mapping&) = delete;
  subject_mapping& operator=(const subject_mapping&) = delete;
  virtual ~subject_mapping() = default;
  /// The subject to use: `subject` itself, a view into `scratch` or one of a text that lives as
  /// long as this. Empty: the message is lost. Called by all shards at once.
  virtual std::string_view map(std::string_view subject,
                               std::string& scratch,
                               pick_random& random) const = 0;
};

/// Who is told what became of messages that are sampled by their `traceparent`.
struct trace_target {
  std::string subject;
  std::uint32_t percent = 100;  ///< of those messages
};

/// Messages that have passed, from any thread.
struct traffic {
  std::atomic<std::uint64_t> messages{0};
  std::atomic<std::uint64_t> bytes{0};  ///< headers and payloads

  void add(std::uint64_t count, std::uint64_t size) noexcept {
    messages.fetch_add(count, std::memory_order_relaxed);
    bytes.fetch_add(size, std::memory_order_relaxed);
  }
};

/// An isolated space of subjects. Its literal subscriptions lie in the server's one index, with the
/// id mixed into hash and comparison; its wildcards are its own.
///
/// Thread safety: the atomics and `wildcards` from any shard; the rest is constant while shards
/// run.
struct account {
  account(std::uint32_t account_id, std::string account_name, std::uint64_t seed)
      : id(account_id), name(std::move(account_name)), wildcards(seed) {}

  const std::uint32_t id;
  const std::string name;
  wildcard_trie wildcards;
  std::atomic<std::int64_t> subscriptions{0};      ///< but for the next
  std::atomic<std::int64_t> own_subscriptions{0};  ///< of the server itself
  std::atomic<std::int64_t> connections{0};
  std::atomic<const subject_mapping*> mapping{nullptr};

  /// Where it wants to be told of sampled messages; null: nowhere.
  std::atomic<const trace_target*> traces{nullptr};

  // Limits; negative: none. A reload may change them.
  std::atomic<std::int64_t> max_connections{-1};
  std::atomic<std::int64_t> max_subscriptions{-1};  ///< of each connection
  std::atomic<std::int64_t> max_payload{-1};        ///< bytes
  std::atomic<bool> is_system{false};               ///< it is told what the server does

  // Counted by all shards, so apart from what they read with each message.
  alignas(64) traffic sent;                        ///< to its clients
  traffic received;                                ///< from them; both are added to by batches
  std::atomic<std::uint64_t> slow_consumers{0};    ///< connections that were ended for it
  std::atomic<std::uint64_t> insertions{0};        ///< of subscriptions, ever
  mutable std::atomic<std::uint64_t> look_ups{0};  ///< of subjects that no shard remembered

  /// One client more, unless it is full. Then leave() is due once.
  [[nodiscard]] bool join() noexcept {
    const auto limit = max_connections.load(std::memory_order_relaxed);
    if (connections.fetch_add(1, std::memory_order_relaxed) < limit || limit < 0) return true;
    leave();
    return false;
  }
  void leave() noexcept { connections.fetch_sub(1, std::memory_order_relaxed); }
};

}  // namespace nuncio::server
