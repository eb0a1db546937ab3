#include "message_trace.hpp"

#include "connection.hpp"

#include <atomic>
#include <chrono>
#include <utility>

namespace nuncio::server {

bool watched::admit(const target& t, bool& last) const {
  std::optional<miss> why;
  if (t.sub->owner->closed.load(std::memory_order_relaxed)) {
    why = miss::closed;
  } else if (is_dry_ ? t.sub->exhausted() : !t.sub->count_delivery(last)) {
    why = miss::spent;
  }
  // What the server does itself is none of the publisher's business.
  if ((t.flags & receiver::takes_itself) == 0) note(*t.sub, why);
  return !why;
}

void watched::note(const target& t, miss why) const {
  note(*t.sub, why);
}

void watched::note(const subscription& sub, std::optional<miss> why) const {
  const auto& owner = static_cast<const connection&>(*sub.owner);
  into_->receivers.push_back({std::chrono::system_clock::now(), owner.id,
                              std::string(owner.meaning().name()), std::string(sub.subject()),
                              std::string(sub.queue()), why});
}

}  // namespace nuncio::server
