#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// What a connection may publish and hear.
/// Source: nats-server 2.15.2, server/client.go, checked against a live one.
namespace nuncio::server {

using subject_patterns = std::vector<std::string>;

/// What may be published. Immutable, shared by all shards.
class publisher_rules {
 public:
  /// No allow list: everything but what is denied.
  publisher_rules(std::optional<subject_patterns> allow, subject_patterns deny)
      : allow_(std::move(allow)), deny_(std::move(deny)) {}

  /// `subject` is taken literally, also where it looks like a wildcard.
  [[nodiscard]] bool allows(std::string_view subject) const;

 private:
  std::optional<subject_patterns> allow_;
  subject_patterns deny_;
};

/// What may not be heard. A subscription wider than a deny is accepted; the messages that the deny
/// names are left out when a match is prepared. Immutable, shared by all shards.
class subscriber_rules {
 public:
  explicit subscriber_rules(subject_patterns deny) : deny_(std::move(deny)) {}

  [[nodiscard]] bool allows_delivery(std::string_view subject) const;

 private:
  subject_patterns deny_;
};

/// Replies that a connection may publish to because it was sent a request.
/// Thread safety: any thread; the delivering shard records, the publishing one takes.
class reply_grants {
 public:
  using clock = std::chrono::steady_clock;

  reply_grants(std::uint32_t max_replies, clock::duration lifetime)
      : max_replies_(max_replies), lifetime_(lifetime) {}

  /// The receiver was sent a message with this reply. Granting again begins anew.
  void grant(std::string_view reply, clock::time_point now);
  /// Uses the grant up by one; false if there is none, or it is spent or too old, and then
  /// forgotten.
  bool take(std::string_view reply, clock::time_point now);

 private:
  struct left {
    std::uint32_t replies;
    clock::time_point until;
  };
  std::uint32_t max_replies_;
  clock::duration lifetime_;
  std::mutex lock_;  // guards `grants_`
  std::unordered_map<std::string, left> grants_;
};

}  // namespace nuncio::server
