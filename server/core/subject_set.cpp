#include "subject_set.hpp"

#include "hash.hpp"

#include <nuncio/protocol/subject.hpp>

#include <algorithm>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace nuncio::server {
namespace {

// How much of `pattern` is before its first token that is a wildcard.
std::size_t literal_size(std::string_view pattern) noexcept {
  for (std::size_t at = 0;;) {
    const auto dot = pattern.find('.', at);
    const auto token = pattern.substr(at, dot == std::string_view::npos ? dot : dot - at);
    if (token == "*" || token == ">") return at;
    if (dot == std::string_view::npos) return pattern.size();
    at = dot + 1;
  }
}

}  // namespace

subject_set::subject_set(const std::vector<std::string>& patterns) {
  rows_.reserve(patterns.size());
  for (const auto& pattern : patterns) {
    row r;
    r.begin = static_cast<std::uint32_t>(text_.size());
    r.size = static_cast<std::uint32_t>(pattern.size());
    r.place = static_cast<std::uint32_t>(rows_.size());
    r.prefix = static_cast<std::uint32_t>(literal_size(pattern));
    r.literal = r.prefix == r.size;
    const auto wildcards = std::string_view(pattern).substr(r.prefix);
    r.open = wildcards == ">" || wildcards.starts_with(">.");
    r.first = first_bytes(std::string_view(pattern).substr(0, r.prefix));
    const char ones[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    std::memcpy(&r.mask, ones, r.literal ? 8 : std::min<std::size_t>(r.prefix, 8));
    text_ += pattern;
    rows_.push_back(r);
  }
  if (rows_.size() <= max_scanned) {
    for (const auto& r : rows_) {
      firsts_.push_back(static_cast<std::uint32_t>(r.first));
      masks_.push_back(static_cast<std::uint32_t>(r.mask));
    }
    // Nothing masked to zero is one.
    firsts_.resize((rows_.size() + 3) / 4 * 4, 1);
    masks_.resize(firsts_.size(), 0);
    return;
  }

  std::vector<std::pair<std::uint64_t, row>> hashed;
  hashed.reserve(rows_.size());
  for (const auto& r : rows_) hashed.emplace_back(hash_of(text_of(r).substr(0, r.prefix)), r);
  std::sort(hashed.begin(), hashed.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  buckets_.reserve(hashed.size());
  for (std::uint32_t i = 0; i < hashed.size(); ++i) {
    rows_[i] = hashed[i].second;
    auto& of = buckets_[hashed[i].first];
    if (of.end == 0) of.begin = i;
    of.end = i + 1;
    lengths_.push_back(rows_[i].prefix);
  }
  std::sort(lengths_.begin(), lengths_.end());
  lengths_.erase(std::unique(lengths_.begin(), lengths_.end()), lengths_.end());
}

bool subject_set::matches(std::string_view subject) const noexcept {
  bool found = false;
  each_match(subject, [&found](std::uint32_t) { return !(found = true); });
  return found;
}

subject_set::answer subject_set::look_for(std::string_view subject) const noexcept {
  // By a hash only those are found whose literal part the subject has, which may be longer.
  answer result{.by_beginning = lengths_.empty()};
  each(subject, [&](const row& r) {
    result.found = row_matches(r, subject);
    result.by_beginning = result.found && r.open && r.prefix <= sizeof r.first;
    return !result.found;
  });
  return result;
}

bool subject_set::covers(std::string_view subject) const noexcept {
  bool found = false;
  each_cover(subject, [&found](std::uint32_t) { return !(found = true); });
  return found;
}

// A bit for each row whose first bytes may be these.
std::uint64_t subject_set::scan(std::uint32_t first) const noexcept {
  std::uint64_t found = 0;
#ifdef __SSE2__
  const __m128i wanted = _mm_set1_epi32(static_cast<int>(first));
  for (std::size_t i = 0; i < firsts_.size(); i += 4) {
    const auto load = [i](const std::vector<std::uint32_t>& from) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from.data() + i));
    };
    const __m128i equal = _mm_cmpeq_epi32(_mm_and_si128(wanted, load(masks_)), load(firsts_));
    const auto bits = static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(equal)));
    found |= std::uint64_t{bits} << i;
  }
#else
  for (std::size_t i = 0; i < firsts_.size(); ++i) {
    found |= std::uint64_t{(first & masks_[i]) == firsts_[i]} << i;
  }
#endif
  return found;
}

bool subject_set::has_prefix(const row& r, std::string_view subject) const noexcept {
  return subject.size() >= r.prefix &&
         same_bytes(subject.substr(0, r.prefix), {text_.data() + r.begin, r.prefix});
}

bool subject_set::row_matches(const row& r, std::string_view subject) const noexcept {
  if (r.open) return has_prefix(r, subject);
  return r.literal ? same_bytes(text_of(r), subject) : protocol::matches(subject, text_of(r));
}

bool subject_set::row_covers(const row& r, std::string_view subject) const noexcept {
  if (r.open) return has_prefix(r, subject);
  return r.literal ? same_bytes(text_of(r), subject) : protocol::covers(text_of(r), subject);
}

std::uint64_t subject_set::first_bytes(std::string_view text) noexcept {
  const char* const data = text.data();
  if (text.size() >= 8) return detail::load(data, 8);
  return text.empty() ? 0 : detail::load(data, text.size());
}

// Patterns come from who runs the server, so that the seed needs not be a secret.
std::uint64_t subject_set::hash_of(std::string_view prefix) noexcept {
  return hash_bytes(prefix, 0);
}

}  // namespace nuncio::server
