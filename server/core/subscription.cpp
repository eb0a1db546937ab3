#include "subscription.hpp"

#include "receiver.hpp"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace nuncio::server {

subscription* subscription::create(receiver& owner,
                                   std::uint32_t account,
                                   std::string_view subject,
                                   std::string_view queue,
                                   std::string_view sid) {
  const bool is_long = subject.size() >= long_form || sid.size() > 0xff || queue.size() > 0xff;
  const std::string_view parts[3] = {subject, sid, queue};
  std::uint32_t sizes[3];
  std::size_t total = sizeof(subscription) + (is_long ? sizeof sizes : 0);
  for (int i = 0; i < 3; ++i) {
    sizes[i] = static_cast<std::uint32_t>(parts[i].size());
    total += parts[i].size();
  }
  void* const memory = std::malloc(total);
  if (memory == nullptr) throw std::bad_alloc{};
  auto* const self = new (memory) subscription(owner, account);
  char* at = static_cast<char*>(memory) + sizeof(subscription);
  if (is_long) {
    self->subject_size_ = long_form;
    std::memcpy(at, sizes, sizeof sizes);
    at += sizeof sizes;
  } else {
    self->subject_size_ = static_cast<std::uint16_t>(sizes[0]);
    self->sid_size_ = static_cast<std::uint8_t>(sizes[1]);
    self->queue_size_ = static_cast<std::uint8_t>(sizes[2]);
  }
  for (const auto part : parts) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  return self;
}

void subscription::destroy(void* self) noexcept {
  static_cast<subscription*>(self)->~subscription();
  std::free(self);
}

subscription_view view_of(const subscription& sub, std::string account) {
  return {std::string(sub.subject()),
          std::string(sub.queue()),
          std::string(sub.sid()),
          std::move(account),
          sub.delivered.load(std::memory_order_relaxed),
          sub.max.load(std::memory_order_relaxed),
          sub.owner->id};
}

}  // namespace nuncio::server
