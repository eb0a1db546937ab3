#include "sublist.hpp"

namespace nuncio::server {

bool sublist::insert(account& who, subscription* sub, epoch_member& epoch) {
  const bool literal = protocol::is_literal(sub->subject());
  const bool first = literal ? exact_.insert(exact_.hash(who.id, sub->subject()), sub, epoch)
                             : who.wildcards.insert(sub, epoch);
  who.subscriptions.fetch_add(1, std::memory_order_relaxed);
  who.insertions.fetch_add(1, std::memory_order_relaxed);
  bump(who, *sub, literal);
  return first;
}

bool sublist::remove(account& who, subscription* sub, epoch_member& epoch) {
  const bool literal = protocol::is_literal(sub->subject());
  const bool last = literal ? exact_.remove(exact_.hash(who.id, sub->subject()), sub, epoch)
                            : who.wildcards.remove(sub, epoch);
  who.subscriptions.fetch_sub(1, std::memory_order_relaxed);
  bump(who, *sub, literal);
  return last;
}

void sublist::bump(const account& who, const subscription& sub, bool literal) noexcept {
  const auto token = protocol::first_token(sub.subject());
  if (literal) {
    stamps_.bump_exact(exact_.hash(who.id, sub.subject()));
  } else if (token == "*" || token == ">") {
    stamps_.bump_all();
  } else {
    stamps_.bump_first(first_hash(who, sub.subject()));
  }
}

}  // namespace nuncio::server
