#pragma once

#include "pick_random.hpp"
#include "receiver.hpp"
#include "sublist.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace nuncio::server {

struct outlet;

/// One subscription that gets messages of a subject. What is below `sub` belongs to whoever sends.
struct target {
  subscription* sub = nullptr;
  outlet* to = nullptr;
  std::uint32_t prefix_offset = 0;
  std::uint32_t prefix_size = 0;
  std::uint8_t flags = 0;  ///< receiver::flag, as found when the plan was made
};

/// Everyone who gets messages of one subject: plain subscriptions, then the members of each group.
struct plan {
  struct group {
    std::uint32_t begin;
    std::uint32_t end;  ///< into `members`
  };
  std::vector<target> plain;
  std::vector<target> members;
  std::vector<group> groups;

  [[nodiscard]] bool empty() const noexcept { return plain.empty() && members.empty(); }
  void clear() noexcept {
    plain.clear();
    members.clear();
    groups.clear();
  }
};

/// What became of a message.
enum class outcome : std::uint8_t {
  nobody,      ///< no subscription, or none that could take it
  suppressed,  ///< only the publisher's own, which wants no echo
  delivered,
  denied,  ///< the publisher may not
};

/// Fills `out` with everyone who gets messages of `subject`, leaving out whose rules deny it, and
/// returns the stamp up to which that is true.
/// Thread safety: any shard that has entered the epochs.
std::uint64_t make_plan(const sublist& index,
                        const account& who,
                        std::string_view subject,
                        const sublist::key& key,
                        plan& out);

/// Why a subscription doesn't get a message that it matches.
enum class miss : std::uint8_t {
  echo,    ///< its own connection's, which wants none of those
  denied,  ///< its rules forbid the subject
  closed,  ///< nothing reaches its connection any more
  spent,   ///< its limit was reached before
  behind,  ///< its connection is to catch up first
};

/// How deliver() goes about it when nobody watches.
struct unwatched {
  /// Does it take the message? `last`: no other one after it.
  bool admit(const target& t, bool& last) const noexcept { return t.sub->count_delivery(last); }
  void note(const target&, miss) const noexcept {}
};

/// Decides who gets one message and calls `send(const target&, bool last)` for each; `last` says
/// that the subscription's limit is reached. One member of each group, another one if the first
/// can't.
///
/// Inlined by force: it is the middle of the hottest path, of which there are two kinds.
template <class Send, class How = unwatched>
[[gnu::always_inline]] inline outcome deliver(
    const plan& to, const receiver* publisher, pick_random& random, Send&& send, How how = {}) {
  outcome result = outcome::nobody;
  const auto is_echo = [&](const target& t) {
    if ((t.flags & receiver::no_echo) == 0 || t.sub->owner != publisher) return false;
    if (result == outcome::nobody) result = outcome::suppressed;
    how.note(t, miss::echo);
    return true;
  };
  const auto hand_over = [&](const target& t) {
    bool last = false;
    if (!how.admit(t, last)) return false;
    send(t, last);
    result = outcome::delivered;
    return true;
  };
  for (const target& t : to.plain) {
    if (!is_echo(t)) hand_over(t);
  }
  for (const plan::group& group : to.groups) {
    const std::uint32_t size = group.end - group.begin;
    std::uint32_t at = size == 1 ? 0 : random.below(size);
    for (std::uint32_t tries = size; tries != 0; --tries) {
      const target& t = to.members[group.begin + at];
      if (!is_echo(t)) {
        if (t.sub->owner->closed.load(std::memory_order_relaxed)) {
          how.note(t, miss::closed);
        } else if (hand_over(t)) {
          break;
        }
      }
      if (++at == size) at = 0;
    }
  }
  return result;
}

}  // namespace nuncio::server
