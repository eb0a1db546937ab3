#include <nuncio/rpc/latency_histogram.hpp>

#include <algorithm>
#include <cmath>

namespace nuncio::rpc {

// Ranges are without their beginning and with their end, as Prometheus counts. The ends of a power
// of ten are 11, 12, …, 100 units of a tenth of it.
std::size_t latency_histogram::index_of(std::int64_t nanoseconds) noexcept {
  const auto inside = nanoseconds - 1;
  if (inside < 1000) return 0;
  std::int64_t unit = 100;
  for (std::size_t decade = 0; decade < decades; ++decade, unit *= 10) {
    const auto units = inside / unit;
    if (units < 100) return 1 + decade * per_decade + static_cast<std::size_t>(units - 10);
  }
  return size - 1;
}

latency_histogram::duration latency_histogram::end_of(std::size_t index) noexcept {
  std::int64_t unit = 100;
  if (index == 0) return duration(10 * unit);
  const auto inside = std::min(index, size - 2) - 1;
  for (std::size_t i = 0; i < inside / per_decade; ++i) unit *= 10;
  return duration(static_cast<std::int64_t>(inside % per_decade + 11) * unit);
}

void latency_histogram::record(duration took) noexcept {
  took = std::max(took, duration(0));
  ++counts_[index_of(took.count())];
  ++count_;
  sum_ += took;
}

latency_histogram::duration latency_histogram::quantile(double q) const noexcept {
  const auto share = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  const auto goal = std::max<std::uint64_t>(static_cast<std::uint64_t>(share), 1);
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < size; ++i) {
    so_far += counts_[i];
    if (so_far >= goal) return end_of(i);
  }
  return duration(0);
}

std::uint64_t latency_histogram::count_up_to(duration limit) const noexcept {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i + 1 < size && end_of(i) <= limit; ++i) out += counts_[i];
  return out;
}

}  // namespace nuncio::rpc
