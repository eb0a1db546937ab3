#include <nuncio/rpc/metadata.hpp>
#include <nuncio/rpc/status.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace nuncio::rpc;

TEST_CASE("status: its text says the code, the number where that is another, text and reason") {
  CHECK(to_string(status(code::not_found, "no such lamp")) == "NOT_FOUND: no such lamp");
  CHECK(to_string(status::not_run(code::unavailable, "nobody", "no-responders")) ==
        "UNAVAILABLE: nobody [no-responders]");
  status odd(code::failed_precondition, "teapot");
  odd.number = 418;
  CHECK(to_string(odd) == "FAILED_PRECONDITION (418): teapot");
}

TEST_CASE("status: a result without a value throws it") {
  const result<int> none = status(code::aborted, "twice");
  try {
    static_cast<void>(none.value());
    FAIL("it had a value");
  } catch (const error& why) {
    CHECK(why.code() == code::aborted);
    CHECK(why.status().text == "twice");
    CHECK(std::string(why.what()) == "ABORTED: twice");
  }
}

TEST_CASE("metadata: what is added is found, the first of a name counts") {
  metadata it;
  CHECK(it.empty());
  CHECK(it.add("A", "1"));
  CHECK(it.add("A", "2"));
  CHECK(it.add("Empty", ""));
  CHECK(it.find("A") == "1");
  CHECK(it.find("Empty") == "");
  CHECK_FALSE(it.find("a").has_value());
  CHECK_FALSE(it.empty());
}

TEST_CASE("metadata: bytes survive under -bin, nothing breaks out of a header otherwise") {
  metadata it;
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{255}, std::size_t{256}}) {
    metadata each;
    CHECK(each.add("X-bin", bytes.substr(0, size)));
    CHECK(each.find("X-bin") == bytes.substr(0, size));
  }
  CHECK(it.add("X", "a\r\nEvil: b"));
  CHECK(it.lines() == "X: aEvil: b\r\n");
  CHECK_FALSE(it.add("Nuncio-Status", "OK"));
  CHECK_FALSE(it.add("Nuncio", "t=1"));
  CHECK_FALSE(it.add("Nats-Service-Error", "x"));
  CHECK_FALSE(it.add("Content-Type", "x"));
  CHECK_FALSE(it.add("", "x"));
  CHECK_FALSE(it.add("a b", "x"));
}

TEST_CASE("metadata: of a message's headers only what belongs to the application is kept") {
  nuncio::protocol::header_view headers;
  REQUIRE(parse_headers(
      "NATS/1.0\r\nNuncio: t=1\r\nContent-Type: x\r\nTenant: acme\r\nNats-Request-Info: {}\r\n\r\n",
      headers));
  CHECK(metadata(headers).lines() == "Tenant: acme\r\n");
}
