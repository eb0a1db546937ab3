#include "message_reader.hpp"

#include <algorithm>

namespace nuncio::bench {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::uint64_t to_number(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') fail("not a number in a message's line: '" + std::string(text) + "'");
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

}  // namespace

bool message_reader::parse_line(const char* at, const char* line_end) {
  const std::string_view line = without_cr(at, line_end);
  const bool headers = line.starts_with("HMSG ");
  if (!headers && !line.starts_with("MSG ")) return false;

  std::string_view words[5];
  std::size_t count = 0;
  const char* p = line.data() + (headers ? 5 : 4);
  const char* const end = line.data() + line.size();
  while (p < end) {
    if (is_blank(*p)) {  // runs of blanks are one separator
      ++p;
      continue;
    }
    const char* const start = p;
    while (p < end && !is_blank(*p)) ++p;
    if (count == std::size(words)) fail("too many words in '" + std::string(line) + "'");
    words[count++] = {start, static_cast<std::size_t>(p - start)};
  }
  const std::size_t sizes = headers ? 2 : 1;
  if (count != 2 + sizes && count != 3 + sizes) {
    fail("too few words in '" + std::string(line) + "'");
  }
  shape_.subject = words[0];
  shape_.sid = to_number(words[1]);
  shape_.reply = count == 3 + sizes ? words[2] : std::string_view{};
  const std::size_t total = to_number(words[count - 1]);
  shape_.header_size = headers ? to_number(words[count - 2]) : 0;
  if (total < shape_.header_size + 16) {
    fail("a message without its stamps: '" + std::string(line) + "'");
  }
  shape_.size = total - shape_.header_size;
  prefix_.clear();
  return true;
}

const char* message_reader::skip(const char* at, const char* end) {
  const std::size_t n = std::min(skip_, static_cast<std::size_t>(end - at));
  skip_ -= n;
  if (skip_ == 0 && at[n - 1] != '\n') fail("a payload does not end where its size says");
  return at + n;
}

}  // namespace nuncio::bench
