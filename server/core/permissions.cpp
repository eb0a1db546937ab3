#include "permissions.hpp"

#include <nuncio/protocol/subject.hpp>

#include <algorithm>

namespace nuncio::server {
namespace {

bool any_matches(const subject_patterns& patterns, std::string_view subject) {
  return std::any_of(patterns.begin(), patterns.end(), [subject](const std::string& pattern) {
    return protocol::matches(subject, pattern);
  });
}

}  // namespace

bool publisher_rules::allows(std::string_view subject) const {
  return (!allow_ || any_matches(*allow_, subject)) && !any_matches(deny_, subject);
}

bool subscriber_rules::allows_delivery(std::string_view subject) const {
  return !any_matches(deny_, subject);
}

void reply_grants::grant(std::string_view reply, clock::time_point now) {
  const std::scoped_lock guard(lock_);
  grants_.insert_or_assign(std::string(reply), left{max_replies_, now + lifetime_});
}

bool reply_grants::take(std::string_view reply, clock::time_point now) {
  const std::scoped_lock guard(lock_);
  const auto found = grants_.find(std::string(reply));
  if (found == grants_.end()) return false;
  auto& grant = found->second;
  if (grant.replies == 0 || now > grant.until) {
    grants_.erase(found);
    return false;
  }
  if (--grant.replies == 0) grants_.erase(found);
  return true;
}

}  // namespace nuncio::server
