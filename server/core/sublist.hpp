#pragma once

#include "account.hpp"
#include "exact_index.hpp"
#include "hash.hpp"
#include "stamps.hpp"

#include <nuncio/protocol/subject.hpp>

#include <cstdint>
#include <string_view>

namespace nuncio::server {

/// Who wants which subject: one exact index for all accounts, a trie of wildcards in each account,
/// and the stamps that tell when a remembered answer is stale.
///
/// Thread safety: match() and stamps from any shard without a lock; insert() and remove() from any
/// shard, with a lock on a 256th of the index or on the account's trie.
class sublist {
 public:
  /// What is computed once per subject looked up.
  struct key {
    std::uint64_t hash;
    stamps::place place;
  };

  explicit sublist(std::uint64_t seed) noexcept : seed_(seed), exact_(seed) {}

  [[nodiscard]] key key_of(const account& who, std::string_view subject) const noexcept {
    const auto hash = exact_.hash(who.id, subject);
    return {hash, stamps::place_of(hash, first_hash(who, subject))};
  }

  /// Adds `sub`, then bumps the stamps. True if the account had nobody for this subject before.
  bool insert(account& who, subscription* sub, epoch_member& epoch);
  /// Removes `sub`, then bumps the stamps; the caller retires it. True if it was the last one.
  bool remove(account& who, subscription* sub, epoch_member& epoch);

  /// Calls visit(subscription*) for everyone who gets a message published to `subject`. One walk,
  /// no snapshot: see stamps on reading twice.
  template <class Visit>
  void match(const account& who,
             std::string_view subject,
             std::uint64_t hash,
             Visit&& visit) const {
    const auto each = [&visit](target_list::ref word) { target_list::for_each(word, visit); };
    if (const auto word = exact_.find(hash, who.id, subject)) each(word);
    if (!who.wildcards.empty()) who.wildcards.match(subject, each);
  }

  [[nodiscard]] std::uint64_t stamp(stamps::place at) const noexcept { return stamps_.read(at); }
  /// Makes every remembered match stale: rules, mappings or flags have changed.
  void invalidate_all() noexcept { stamps_.bump_all(); }

 private:
  [[nodiscard]] std::uint64_t first_hash(const account& who,
                                         std::string_view subject) const noexcept {
    return hash_bytes(protocol::first_token(subject), seed_ ^ (who.id * detail::odd_b));
  }
  void bump(const account& who, const subscription& sub, bool literal) noexcept;

  std::uint64_t seed_;
  exact_index exact_;
  stamps stamps_;
};

}  // namespace nuncio::server
