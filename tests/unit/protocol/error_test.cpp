#include <nuncio/protocol/error.hpp>

#include <doctest/doctest.h>

#include <string_view>

using namespace nuncio::protocol;

// Texts and choices as the reference server's, letter by letter: clients compare them.
TEST_CASE("error: what is said, and whether the connection ends") {
  struct row {
    errc code;
    std::string_view line;
    bool closes;
  };
  const row rows[] = {
      {errc::unknown_operation, "-ERR 'Unknown Protocol Operation'\r\n", true},
      {errc::control_line_exceeded, "-ERR 'maximum control line exceeded'\r\n", true},
      {errc::max_payload, "-ERR 'Maximum Payload Violation'\r\n", true},
      {errc::authorization_violation, "-ERR 'Authorization Violation'\r\n", true},
      {errc::authentication_timeout, "-ERR 'Authentication Timeout'\r\n", true},
      {errc::max_connections, "-ERR 'maximum connections exceeded'\r\n", true},
      {errc::throttled, "-ERR 'Connection throttling is active. Please try again later.'\r\n",
       true},
      {errc::stale_connection, "-ERR 'Stale Connection'\r\n", true},
      {errc::invalid_client_protocol, "-ERR 'invalid client protocol'\r\n", true},
      {errc::no_responders_headers, "-ERR 'no responders requires headers support'\r\n", true},
      {errc::max_subscriptions, "-ERR 'maximum subscriptions exceeded'\r\n", false},
      {errc::invalid_subject, "-ERR 'Invalid Subject'\r\n", false},
      {errc::invalid_publish_subject, "-ERR 'Invalid Publish Subject'\r\n", false},
  };
  for (const auto& row : rows) {
    CAPTURE(to_string(row.code));
    CHECK(error_line(row.code) == row.line);
    CHECK(closes_connection(row.code) == row.closes);
  }
}

TEST_CASE("error: wrong arguments and a peer's own -ERR end the connection without a word") {
  for (const auto code : {errc::bad_arguments, errc::peer_error}) {
    CHECK(error_line(code).empty());
    CHECK(closes_connection(code));
  }
  CHECK_FALSE(closes_connection(errc::none));
}
