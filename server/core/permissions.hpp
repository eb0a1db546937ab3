#pragma once

#include "hash.hpp"
#include "subject_set.hpp"

#include <nuncio/server/access.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What a connection may publish and hear.
/// Source: nats-server 2.15.2, server/client.go, checked against a live one.
namespace nuncio::server {

using subject_patterns = std::vector<std::string>;

/// What may be published. Immutable, shared by all shards.
class publisher_rules {
 public:
  /// A queue has no meaning here: an allow entry with one allows nothing, a deny entry with one
  /// denies its subject.
  explicit publisher_rules(const subject_rules& rules);

  /// `subject` is taken literally, also where it looks like a wildcard.
  [[nodiscard]] bool allows(std::string_view subject) const noexcept;

 private:
  friend class allowed_beginnings;

  std::optional<subject_set> allow_;
  subject_set deny_;
  std::uint64_t number_;  // of no other rules
};

/// Remembers of which beginnings all subjects may be published, whatever follows: `foo.1234` may if
/// there is `foo.>` to allow it and no deny entry begins like it. For publishers with more subjects
/// than a match cache holds. One thread only.
class allowed_beginnings {
 public:
  /// What `rules.allows(subject)` says.
  bool allow(const publisher_rules& rules, std::string_view subject) noexcept {
    if (subject.size() < sizeof(slot::beginning)) return rules.allows(subject);
    const char* const data = subject.data();
    const auto beginning = detail::load(data, sizeof(slot::beginning));
    auto& known = slots_[((beginning ^ rules.number_) * detail::odd_a) >> (64 - slot_bits)];
    if (known.beginning == beginning && known.rules == rules.number_) return true;
    return ask(rules, subject, known);
  }

 private:
  struct slot {
    std::uint64_t beginning = 0;
    std::uint64_t rules = 0;  // 0: none
  };
  static bool ask(const publisher_rules& rules, std::string_view subject, slot& known) noexcept;

  static constexpr int slot_bits = 9;
  std::array<slot, std::size_t{1} << slot_bits> slots_{};
};

/// Patterns that may name a queue each: `subject`, or `subject queue`.
class queue_patterns {
 public:
  queue_patterns() = default;
  explicit queue_patterns(const subject_patterns& entries);

  /// Which entries apply to a subject and a queue.
  struct answer {
    bool plain = false;      ///< one without a queue
    bool qualified = false;  ///< one with a queue, be it another
    bool named = false;      ///< one with this queue
  };
  /// Of the entries that a message to `subject` reaches.
  [[nodiscard]] answer matching(std::string_view subject, std::string_view queue) const noexcept;
  /// Of the entries that reach all that `subject` reaches.
  [[nodiscard]] answer covering(std::string_view subject, std::string_view queue) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return subjects_.empty(); }

 private:
  void add(answer& to, std::uint32_t place, std::string_view queue) const noexcept;

  subject_set subjects_;
  std::vector<std::string> queues_;  // by place; all of them empty: none at all
};

/// What may be subscribed to, and what is left out of what a subscription hears. Immutable, shared
/// by all shards.
class subscriber_rules {
 public:
  /// An allow entry that can't be read allows nothing; a deny entry that can't denies all of its
  /// subject.
  explicit subscriber_rules(const subject_rules& rules);

  /// An allow entry counts if it is as wide as `subject` or wider. For a subscription with a queue
  /// those that name queues decide alone, if there are any. One that is wider than a deny is
  /// accepted; see allows_delivery().
  /// Source: nats-server 2.15.2, server/client.go, canSubscribe, which also takes `a.>` for covered
  ///         by `a.*`; here it is wider.
  [[nodiscard]] bool may_subscribe(std::string_view subject, std::string_view queue) const noexcept;

  /// May a subscription that was accepted hear what is published to `subject`?
  [[nodiscard]] bool allows_delivery(std::string_view subject,
                                     std::string_view queue) const noexcept {
    return deny_.empty() || !denies(deny_.matching(subject, queue));
  }
  /// False: every delivery is allowed.
  [[nodiscard]] bool filters_deliveries() const noexcept { return !deny_.empty(); }

 private:
  static bool denies(const queue_patterns::answer& found) noexcept {
    return found.plain || found.named;
  }

  std::optional<queue_patterns> allow_;
  queue_patterns deny_;
};

/// What a user may do, ready to be asked. Immutable; one for all connections whose permissions are
/// the same, and it lives as long as the last of them.
struct grants {
  explicit grants(const permissions& what);

  permissions said;                           ///< what it was made of
  std::optional<publisher_rules> publish;     ///< none: everything
  std::optional<subscriber_rules> subscribe;  ///< none: everything
  std::optional<response_rules> responses;    ///< none: replies need `publish` like all else
};

/// Null if nothing is forbidden.
[[nodiscard]] std::shared_ptr<const grants> make_grants(const permissions& what);

/// Do both allow the same?
[[nodiscard]] bool same_grants(const grants* a, const grants* b);

/// Replies that a connection may publish to because it was sent a request.
///
/// Bounded: grants that have grown too old go while new ones come, and beyond max_live the oldest
/// makes room, since it is the likeliest to have been answered or given up.
/// Thread safety: any thread; the delivering shard records, the publishing one takes.
class reply_grants {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::size_t max_live = 65'536;

  /// Pre: `may` isn't null; without `responses` the default ones are meant.
  explicit reply_grants(std::shared_ptr<const grants> may);

  /// The receiver was sent a message with this reply. Granting again begins anew. What it may
  /// publish to anyway is not recorded.
  void grant(std::string_view reply, clock::time_point now);
  /// Uses the grant up by one; false if there is none, or it is spent or too old, and then
  /// forgotten.
  bool take(std::string_view reply, clock::time_point now);
  /// How many are kept.
  [[nodiscard]] std::size_t size() const;

 private:
  struct left {
    std::string reply;
    std::uint32_t times = 0;
    clock::time_point since;
  };
  using place = std::list<left>::iterator;

  [[nodiscard]] bool too_old(const left& grant, clock::time_point now) const noexcept;
  void forget(place at);

  const std::shared_ptr<const grants> may_;
  const response_rules rules_;
  mutable std::mutex lock_;  // guards what follows
  // Oldest first: all live equally long, so that the first is also the next to grow too old.
  std::list<left> by_age_;
  boost::unordered_flat_map<std::string_view, place> by_reply_;  // keys are in by_age_
};

}  // namespace nuncio::server
