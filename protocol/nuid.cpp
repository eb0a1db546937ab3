#include <nuncio/protocol/nuid.hpp>

#include <string_view>
#include <utility>

namespace nuncio::protocol {
namespace {

constexpr std::string_view digits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::uint64_t base = digits.size();
constexpr std::uint64_t sequence_end = 839299365868340224;  // 62^10
constexpr std::uint64_t min_step = 33;
constexpr std::uint64_t max_step = 333;

}  // namespace

nuid::nuid(random_source random) : random_(std::move(random)) {
  draw_prefix();
  draw_sequence();
}

std::string nuid::next() {
  sequence_ += step_;
  if (sequence_ >= sequence_end) {
    draw_prefix();
    draw_sequence();
  }
  std::string id(size, '0');
  id.replace(0, prefix_size, prefix_.data(), prefix_size);
  std::uint64_t rest = sequence_;
  for (std::size_t i = size; i > prefix_size; rest /= base) id[--i] = digits[rest % base];
  return id;
}

void nuid::draw_prefix() {
  for (char& c : prefix_) c = digits[draw_below(base)];
}

void nuid::draw_sequence() {
  sequence_ = draw_below(sequence_end);
  step_ = min_step + draw_below(max_step - min_step);
}

std::uint64_t nuid::draw_below(std::uint64_t limit) {
  // Values of the last, incomplete round would favour the small results.
  const std::uint64_t fair_end = UINT64_MAX - UINT64_MAX % limit;
  std::uint64_t value = 0;
  do {
    random_(std::as_writable_bytes(std::span{&value, 1}));
  } while (value >= fair_end);
  return value % limit;
}

}  // namespace nuncio::protocol
