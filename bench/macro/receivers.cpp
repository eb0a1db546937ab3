#include "receivers.hpp"

namespace nuncio::bench {
namespace {

std::string name(std::size_t publisher, std::uint64_t number) {
  return "message " + std::to_string(number) + " of publisher " + std::to_string(publisher);
}

}  // namespace

void in_order_check::out_of_order(std::size_t from, std::uint64_t number) const {
  if (from >= received_.size()) fail("a message of an unknown publisher on " + subject_);
  const std::uint64_t expected = received_[from];
  fail(name(from, number) + (number < expected ? " came again" : " came too early") + " on " +
       subject_ + ": " + std::to_string(expected) + " was next");
}

void in_order_check::wrong_subject(const message& m) const {
  fail("a message to " + std::string(m.subject) + " where only " + subject_ + " is subscribed to");
}

void group_tally::take(std::size_t from, std::uint64_t number) {
  if (from >= seen_.size()) fail("a message of an unknown publisher in the group");
  auto& seen = seen_[from];
  const std::size_t word = number / 64;
  if (word >= seen.size()) seen.resize(word + 1024);
  const std::uint64_t bit = std::uint64_t{1} << (number % 64);
  if (seen[word] & bit) fail(name(from, number) + " was delivered twice in the group");
  seen[word] |= bit;
  ++received_[from];
}

void group_member_check::on_message(const message& m) {
  const std::size_t from = m.stamp >> stamp_shift;
  const std::uint64_t number = m.stamp & stamp_number_mask;
  if (!m.subject.empty() && m.subject != "foo") {
    fail("a message to " + std::string(m.subject) + " where only foo is subscribed to");
  }
  group_.take(from, number);
  if (number < next_[from]) fail(name(from, number) + " came after a later one");
  next_[from] = number + 1;
  ++delivered_;
}

}  // namespace nuncio::bench
