#include "router.hpp"

#include "permissions.hpp"

#include <algorithm>

namespace nuncio::server {
namespace {

void group_members(plan& out) {
  std::sort(out.members.begin(), out.members.end(),
            [](const target& a, const target& b) { return a.sub->queue() < b.sub->queue(); });
  for (std::uint32_t i = 0; i < out.members.size(); ++i) {
    const bool same = i != 0 && out.members[i].sub->queue() == out.members[i - 1].sub->queue();
    if (same) {
      out.groups.back().end = i + 1;
    } else {
      out.groups.push_back({i, i + 1});
    }
  }
}

}  // namespace

std::uint64_t make_plan(const sublist& index,
                        const account& who,
                        std::string_view subject,
                        const sublist::key& key,
                        plan& out) {
  auto stamp = index.stamp(key.place);
  // Neighbours often have the same rules, and those the same answer.
  const subscriber_rules* asked = nullptr;
  std::string_view asked_for;
  bool answer = true;
  const auto may_hear = [&](const subscription& sub) {
    const auto* const rules = sub.owner->rules.load(std::memory_order_acquire);
    if (rules == nullptr) return true;
    if (rules != asked || sub.queue() != asked_for) {
      asked = rules;
      asked_for = sub.queue();
      answer = rules->allows_delivery(subject, asked_for);
    }
    return answer;
  };
  for (;;) {
    out.clear();
    index.match(who, subject, key.hash, [&](subscription* sub) {
      if (sub->owner->is_left_out.load(std::memory_order_relaxed) || !may_hear(*sub)) return;
      target t;
      t.sub = sub;
      t.flags = sub->owner->flags.load(std::memory_order_relaxed);
      (sub->queue().empty() ? out.plain : out.members).push_back(t);
    });
    const auto again = index.stamp(key.place);
    if (again == stamp) break;
    stamp = again;  // a walk is no snapshot: see stamps
  }
  if (!out.members.empty()) group_members(out);
  return stamp;
}

}  // namespace nuncio::server
