#include "core/quoted.hpp"

#include <doctest/doctest.h>

using nuncio::server::quoted;

TEST_CASE("quoted: quotes, backslashes and what ends a line are escaped") {
  CHECK(quoted("") == R"("")");
  CHECK(quoted("a b") == R"("a b")");
  CHECK(quoted(R"(a"b\c)") == R"("a\"b\\c")");
  CHECK(quoted("\r\n\t\a\b\f\v") == R"("\r\n\t\a\b\f\v")");
}

TEST_CASE("quoted: UTF-8 stays, and what can't be seen has its number") {
  CHECK(quoted("\xc3\xa9\xf0\x9f\x98\x80") == "\"\xc3\xa9\xf0\x9f\x98\x80\"");
  CHECK(quoted("\xe2\x80\x8b\xc2\x85\xef\xbb\xbf") == R"("\u200b\u0085\ufeff")");
  CHECK(quoted("\xf3\xa0\x80\x81") == R"("\U000e0001")");
}

TEST_CASE("quoted: bytes that are no UTF-8 have their numbers") {
  using namespace std::string_view_literals;
  CHECK(quoted("\x01\x7f\0"sv) == R"("\x01\x7f\x00")");
  CHECK(quoted("a\xff\xc3") == R"("a\xff\xc3")");
  CHECK(quoted("\xed\xa0\x80") == R"("\xed\xa0\x80")");
  CHECK(quoted("\xc0\xaf\xf5\x80\x80\x80") == R"("\xc0\xaf\xf5\x80\x80\x80")");
}
