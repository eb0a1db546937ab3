#pragma once

#include <nuncio/server/views.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace nuncio::server {

struct receiver;

/// One subscription: 32 bytes and its texts in one allocation, because there are millions.
///
/// Thread safety: everything but the atomics is constant. `index` is written under the lock of the
/// table or trie that the subscription is in. Freed by epochs only.
struct subscription {
  static constexpr std::uint32_t unlinked = 0xffffffff;

  receiver* const owner;
  /// Counts from the start, since a limit may come late. 64 bits: it must not wrap.
  std::atomic<std::uint64_t> delivered{0};
  std::atomic<std::uint32_t> max{0};  ///< auto-unsubscribe; 0: none
  const std::uint32_t account;
  /// Place in the list of subscribers of its subject. Atomic because the owner looks without a lock
  /// whether it is linked, while others may move it.
  std::atomic<std::uint32_t> index{unlinked};

  static subscription* create(receiver& owner,
                              std::uint32_t account,
                              std::string_view subject,
                              std::string_view queue,
                              std::string_view sid);
  static void destroy(void* self) noexcept;

  [[nodiscard]] std::string_view subject() const noexcept { return part(0); }
  [[nodiscard]] std::string_view sid() const noexcept { return part(1); }
  [[nodiscard]] std::string_view queue() const noexcept { return part(2); }

  /// For the owner's thread, which alone links and unlinks.
  [[nodiscard]] bool is_linked() const noexcept {
    return index.load(std::memory_order_relaxed) != unlinked;
  }

  /// Counts a delivery; false if the limit was reached before, so that this message isn't for it.
  /// `last` is set by the delivery that reaches the limit.
  bool count_delivery(bool& last) noexcept {
    const auto before = delivered.fetch_add(1, std::memory_order_seq_cst);
    const auto limit = max.load(std::memory_order_seq_cst);
    if (limit == 0) return true;
    last = before + 1 == limit;
    return before < limit;
  }
  [[nodiscard]] bool exhausted() const noexcept {
    const auto limit = max.load(std::memory_order_seq_cst);
    return limit != 0 && delivered.load(std::memory_order_seq_cst) >= limit;
  }

 private:
  static constexpr std::uint16_t long_form = 0xffff;  // real sizes lie before the text

  subscription(receiver& who, std::uint32_t account_id) noexcept
      : owner(&who), account(account_id) {}
  [[nodiscard]] std::string_view part(int which) const noexcept;

  std::uint16_t subject_size_ = 0;
  std::uint8_t sid_size_ = 0;
  std::uint8_t queue_size_ = 0;

  [[nodiscard]] const char* text() const noexcept {
    return reinterpret_cast<const char*>(this + 1);
  }
};
static_assert(sizeof(subscription) == 32);

inline std::string_view subscription::part(int which) const noexcept {
  std::uint32_t sizes[3] = {subject_size_, sid_size_, queue_size_};
  const char* at = text();
  if (subject_size_ == long_form) [[unlikely]] {
    __builtin_memcpy(sizes, at, sizeof sizes);
    at += sizeof sizes;
  }
  for (int i = 0; i < which; ++i) at += sizes[i];
  return {at, sizes[which]};
}

/// As it is now. `account`: its name.
[[nodiscard]] subscription_view view_of(const subscription& sub, std::string account);

}  // namespace nuncio::server
