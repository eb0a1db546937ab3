// Two lines as a subject and a pattern: the questions that one may ask of them must agree.

#include "require.hpp"

#include <nuncio/protocol/subject.hpp>

#include <cstdint>

using namespace nuncio::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = nuncio::fuzz::text(data, size);
  const auto cut = bytes.find('\n');
  const auto a = bytes.substr(0, cut);
  const auto b = cut == std::string_view::npos ? std::string_view{} : bytes.substr(cut + 1);

  for (const auto subject : {a, b}) {
    if (is_valid_publish(subject)) {
      NUNCIO_FUZZ_REQUIRE(is_literal(subject));
      NUNCIO_FUZZ_REQUIRE(has_only_full_tokens(subject));
      NUNCIO_FUZZ_REQUIRE(is_valid_subscription(subject));
      NUNCIO_FUZZ_REQUIRE(matches(subject, subject));
      NUNCIO_FUZZ_REQUIRE(matches(subject, ">"));
    }
    if (is_valid_subscription(subject)) {
      NUNCIO_FUZZ_REQUIRE(covers(subject, subject));
      NUNCIO_FUZZ_REQUIRE(covers(">", subject));
      NUNCIO_FUZZ_REQUIRE(overlaps(subject, subject));
    }
    NUNCIO_FUZZ_REQUIRE(subject.starts_with(first_token(subject)));
  }
  if (!is_valid_subscription(a) || !is_valid_subscription(b)) return 0;
  NUNCIO_FUZZ_REQUIRE(overlaps(a, b) == overlaps(b, a));
  if (covers(a, b)) NUNCIO_FUZZ_REQUIRE(overlaps(a, b));
  if (is_literal(a)) {
    NUNCIO_FUZZ_REQUIRE(matches(a, b) == covers(b, a));
    NUNCIO_FUZZ_REQUIRE(matches(a, b) == overlaps(a, b));
  }
  return 0;
}
