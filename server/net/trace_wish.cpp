#include "trace_wish.hpp"

#include "core/same_text.hpp"

#include <nuncio/protocol/headers.hpp>
#include <nuncio/protocol/subject.hpp>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

namespace nuncio::server {
namespace {

constexpr std::string_view parent_key = "traceparent";
constexpr std::string_view our_keys = "Nats-Trace-";
constexpr std::string_view switched_off = "trace disabled";

// Where, from `at` on, a line ends behind which one of our keys may begin: they are told by their
// first letters. The size of `text` if there is none. Looks at 16 bytes at once: one by one, it
// would cost a message with three headers a quarter more.
std::size_t next_candidate(std::string_view text, std::size_t at, bool traces_sampled) noexcept {
  const char* const data = text.data();
  const std::size_t size = text.size();
#ifdef __SSE2__
  const auto load = [](const char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  for (; at + 17 <= size; at += 16) {
    const __m128i ends = _mm_cmpeq_epi8(load(data + at), _mm_set1_epi8('\n'));
    const __m128i next = load(data + at + 1);
    __m128i begins = _mm_cmpeq_epi8(next, _mm_set1_epi8('N'));
    if (traces_sampled) {
      const __m128i lowered = _mm_or_si128(next, _mm_set1_epi8(0x20));
      begins = _mm_or_si128(begins, _mm_cmpeq_epi8(lowered, _mm_set1_epi8('t')));
    }
    const auto found = static_cast<unsigned>(_mm_movemask_epi8(_mm_and_si128(ends, begins)));
    if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found));
  }
#endif
  for (; at + our_keys.size() < size; ++at) {
    const char first = data[at + 1];
    const bool begins = first == 'N' || (traces_sampled && (first | 0x20) == 't');
    if (data[at] == '\n' && begins) return at;
  }
  return size;
}

bool is_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// `version-trace-span-flags`, and the lowest bit of the flags is set.
// Source: W3C Trace Context, section 3.2.
bool is_sampled(std::string_view parent) noexcept {
  constexpr std::array sizes{std::size_t{2}, std::size_t{32}, std::size_t{16}, std::size_t{2}};
  std::string_view part;
  for (const auto size : sizes) {
    const auto end = std::min(parent.find('-'), parent.size());
    part = parent.substr(0, end);
    if (part.size() != size || !is_hex(part)) return false;
    parent.remove_prefix(std::min(end + 1, parent.size()));
  }
  const char low = part.back();
  const int value = low <= '9' ? low - '0' : low - 'a' + 10;
  return parent.empty() && (value & 1) != 0;
}

bool is_yes(std::string_view value) noexcept {
  return value == "1" || same_text(value, "true") || same_text(value, "on");
}

}  // namespace

bool may_wish_trace(std::string_view headers, bool traces_sampled) noexcept {
  for (std::size_t at = 0;;) {
    at = next_candidate(headers, at, traces_sampled);
    if (at >= headers.size()) return false;
    const auto line = headers.substr(at + 1);
    if (line.starts_with(our_keys)) return true;
    if (traces_sampled && same_text(line.substr(0, parent_key.size()), parent_key)) return true;
    ++at;
  }
}

std::optional<trace_wish> trace_wish_of(std::string_view headers, bool traces_sampled) {
  protocol::header_view fields;
  if (!protocol::parse_headers(headers, fields)) return std::nullopt;
  trace_wish out;
  for (const auto& [key, value] : fields) {
    if (key == "Nats-Trace-Dest" && !out.destination && !value.empty()) {
      if (value == switched_off) return std::nullopt;
      const bool can_be = protocol::is_valid_publish(value) && protocol::is_publishable(value);
      out.destination = can_be ? value : std::string_view{};
    } else if (key == "Nats-Trace-Only") {
      out.is_only = is_yes(value);
    } else if (key == "Nats-Trace-Origin-Account") {
      return std::nullopt;
    } else if (key == "Accept-Encoding") {
      const bool takes_gzip = value.find("gzip") != std::string_view::npos;
      out.encoding = takes_gzip ? trace_encoding::gzip : trace_encoding::identity;
    } else if (same_text(key, parent_key)) {
      out.is_sampled = is_sampled(value);
    }
  }
  if (out.destination || (traces_sampled && out.is_sampled)) return out;
  return std::nullopt;
}

}  // namespace nuncio::server
