// Any bytes as the query of a page: what is read is a value or the first error, which is one line
// of text that can be shown; and texts of Go's quotes are printable.

#include "core/code_point.hpp"
#include "monitor/json_text.hpp"
#include "monitor/query.hpp"
#include "require.hpp"

#include <boost/json/value.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

using namespace nuncio::server::monitor;

namespace {

bool is_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
}

void read_numbers(std::string_view text) {
  query of(text);
  [[maybe_unused]] const auto auth = of.boolean("auth");
  [[maybe_unused]] const auto subs = of.subscriptions("subs");
  const auto offset = of.integer("offset");
  const auto limit = of.integer("limit");
  const auto cid = of.unsigned_integer("cid");
  if (of.error().empty()) return;
  NUNCIO_FUZZ_REQUIRE(of.error().starts_with("Error decoding "));
  NUNCIO_FUZZ_REQUIRE(is_line(of.error()));
  NUNCIO_FUZZ_REQUIRE(cid == 0 || offset == 0 || limit == 0);
}

void read_texts(std::string_view text) {
  query of(text);
  const auto state = of.state("state");
  NUNCIO_FUZZ_REQUIRE(of.error().empty() || state == state_filter::open);
  // What a page shows of it is good JSON, which is ASCII or valid UTF-8, on one line.
  const auto shown = to_json_text(boost::json::value(of.text("acc")), "");
  NUNCIO_FUZZ_REQUIRE(is_line(shown.substr(0, shown.find('\x7f'))));
  for (std::string_view left = shown; !left.empty();) {
    const auto next = nuncio::server::first_code_point(left);
    NUNCIO_FUZZ_REQUIRE(next.size > 0 && next.size <= left.size());
    left.remove_prefix(next.size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = nuncio::fuzz::text(data, size);
  read_numbers(text);
  read_texts(text);
  return 0;
}
