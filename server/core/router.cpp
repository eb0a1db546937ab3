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
  for (;;) {
    out.clear();
    index.match(who, subject, key.hash, [&](subscription* sub) {
      const auto* const rules = sub->owner->rules.load(std::memory_order_acquire);
      if (rules != nullptr && !rules->allows_delivery(subject, sub->queue())) return;
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
