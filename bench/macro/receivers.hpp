// Subscribers, and what each kind of them checks about every message.
#pragma once

#include "client.hpp"
#include "publisher.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nuncio::bench {

// Several publishers feed one subscription: the messages of each must be complete and in order.
class in_order_check {
 public:
  in_order_check(std::string subject, std::size_t publishers)
      : subject_(std::move(subject)), received_(publishers) {}

  void on_message(const message& m) {
    const std::size_t from = m.stamp >> stamp_shift;
    const std::uint64_t number = m.stamp & stamp_number_mask;
    if (from >= received_.size() || received_[from] != number) out_of_order(from, number);
    if (!m.subject.empty() && m.subject != subject_) wrong_subject(m);
    ++received_[from];
    ++delivered_;
  }

  const std::uint64_t& received_from(std::size_t publisher) const { return received_[publisher]; }
  std::uint64_t delivered() const { return delivered_; }

 private:
  [[noreturn]] void out_of_order(std::size_t from, std::uint64_t number) const;
  [[noreturn]] void wrong_subject(const message& m) const;

  std::string subject_;
  std::vector<std::uint64_t> received_;  // by publisher; also the number to come next
  std::uint64_t delivered_ = 0;
};

// What the members of one queue group have got together: every message exactly once.
class group_tally {
 public:
  explicit group_tally(std::size_t publishers) : seen_(publishers), received_(publishers) {}

  void take(std::size_t from, std::uint64_t number);
  const std::uint64_t& received_from(std::size_t publisher) const { return received_[publisher]; }
  std::size_t publishers() const { return received_.size(); }

 private:
  std::vector<std::vector<std::uint64_t>> seen_;  // bits by publisher and number
  std::vector<std::uint64_t> received_;
};

class group_member_check {
 public:
  explicit group_member_check(group_tally& group) : group_(group), next_(group.publishers()) {}
  void on_message(const message& m);
  std::uint64_t delivered() const { return delivered_; }

 private:
  group_tally& group_;
  std::vector<std::uint64_t> next_;  // by publisher: the least number that may still come
  std::uint64_t delivered_ = 0;
};

template <class Check>
class receiver final : public client<receiver<Check>> {
 public:
  receiver(event_loop& loop, connection to, bool like_messages, Check check)
      : client<receiver>(loop, std::move(to), like_messages), check_(std::move(check)) {}

  void on_message(const message& m) { check_.on_message(m); }
  const Check& check() const { return check_; }

 private:
  Check check_;
};

}  // namespace nuncio::bench
