// Three lines as a pattern, a destination and a subject: no destination leads out of bounds, and
// what is made of a subject keeps to its bounds.

#include "require.hpp"

#include <nuncio/protocol/subject.hpp>
#include <nuncio/protocol/subject_transform.hpp>

#include <cstdint>
#include <string>

using namespace nuncio::protocol;

namespace {

std::string_view take_line(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  const auto line = bytes.substr(0, end);
  bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto bytes = nuncio::fuzz::text(data, size);
  const auto source = take_line(bytes);
  const auto destination = take_line(bytes);
  const auto subject = take_line(bytes);

  std::string error;
  const auto made = subject_transform::parse(source, destination, error);
  NUNCIO_FUZZ_REQUIRE(made.has_value() == error.empty());
  if (!made) {
    NUNCIO_FUZZ_REQUIRE(error.starts_with("found "));
    return 0;
  }
  NUNCIO_FUZZ_REQUIRE(is_valid_subscription(source) && !has_blank(source));
  if (const auto text = made->constant()) NUNCIO_FUZZ_REQUIRE(*text == destination);
  if (!covers(source, subject) || !has_only_full_tokens(subject)) return 0;

  std::string first = "rubbish";
  std::string again;
  const auto last = [](std::uint32_t bound) {
    NUNCIO_FUZZ_REQUIRE(bound > 0);
    return bound - 1;
  };
  made->apply(subject, first, last);
  made->apply(subject, again, last);
  NUNCIO_FUZZ_REQUIRE(first == again);
  NUNCIO_FUZZ_REQUIRE(has_blank(first) <= has_blank(subject));
  if (const auto text = made->constant()) NUNCIO_FUZZ_REQUIRE(first == *text);
  return 0;
}
