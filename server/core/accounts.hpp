#pragma once

#include "account.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

namespace nuncio::server {

/// All accounts of a server. One that was made stays, since subscriptions and connections point to
/// it; one that no configuration names any more has no users.
///
/// Thread safety: any thread; the accounts themselves as they say.
class accounts {
 public:
  explicit accounts(std::uint64_t seed) : seed_(seed), global_(make("$G")) {}
  accounts(const accounts&) = delete;
  accounts& operator=(const accounts&) = delete;
  ~accounts() = default;

  /// Where everyone lands who belongs to no other account.
  [[nodiscard]] account& global() const noexcept { return global_; }
  /// The account of this name, made if there is none.
  account& make(std::string_view name) {
    const std::scoped_lock held(lock_);
    const auto known = by_name_.find(name);
    if (known != by_name_.end()) return *known->second;
    auto& made =
        all_.emplace_back(static_cast<std::uint32_t>(all_.size() + 1), std::string(name), seed_);
    by_name_.emplace(made.name, &made);
    return made;
  }
  /// Empty: there is none with this id.
  [[nodiscard]] std::string name_of(std::uint32_t id) {
    const std::scoped_lock held(lock_);
    return id == 0 || id > all_.size() ? std::string() : all_[id - 1].name;
  }
  /// Null: there is none of this name.
  [[nodiscard]] const account* find(std::string_view name) {
    const std::scoped_lock held(lock_);
    const auto known = by_name_.find(name);
    return known == by_name_.end() ? nullptr : known->second;
  }
  /// 0: there is none of this name.
  [[nodiscard]] std::uint32_t id_of(std::string_view name) {
    const auto* const found = find(name);
    return found == nullptr ? 0 : found->id;
  }
  /// Calls use(account&) for each, in the order in which they were made; it must not come back
  /// here.
  template <class Use>
  void for_each(Use use) {
    const std::scoped_lock held(lock_);
    for (account& each : all_) use(each);
  }

 private:
  const std::uint64_t seed_;
  std::mutex lock_;  // guards the next two
  std::deque<account> all_;
  boost::unordered_flat_map<std::string_view, account*> by_name_;
  account& global_;
};

}  // namespace nuncio::server
