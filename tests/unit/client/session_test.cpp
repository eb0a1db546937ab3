#include "session.hpp"

#include "chunked.hpp"

#include <nuncio/protocol/base64.hpp>
#include <nuncio/protocol/nkey.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace nuncio::client;
using namespace std::chrono_literals;
namespace protocol = nuncio::protocol;
using step = session::step;

const session::time start{1000s};

struct recorder final : subscriber {
  void on_message(const protocol::server_message& m) override {
    got += std::string(m.subject) + "=" + std::string(m.payload) + " ";
  }
  void on_end(boost::system::error_code why) override { got += "end:" + why.message() + " "; }
  std::string got;
};

struct heard final : session_events {
  void on_pong(std::uint64_t count) override { said += "pong" + std::to_string(count) + " "; }
  void on_info(const protocol::server_info& info) override { said += "info:" + info.server_name; }
  void on_complaint(boost::system::error_code what, std::string_view text) override {
    said += "[" + std::to_string(what.value()) + " " + std::string(text) + "] ";
  }
  std::string said;
};

/// A session, the parser before it, and everything it says.
struct world {
  explicit world(session::settings set = {}, protocol::server_url url = {}, credentials who = {})
      : it(set, events, book) {
    server = std::move(url);
    it.begin(server, std::move(who));
  }
  // All bytes of a read, or those up to the end of the session; the last step that matters.
  step feed(std::string_view bytes) {
    step last = step::go_on;
    parser.feed(bytes);
    for (auto e = parser.next(); e.what != protocol::server_event::kind::need_more;
         e = parser.next()) {
      const auto now_said = it.handle(e, now);
      if (now_said != step::go_on) last = now_said;
      if (last == step::lost) break;
    }
    output += it.take_output();
    return last;
  }
  step greet() { return feed("INFO {\"headers\":true,\"max_payload\":100}\r\nPONG\r\n"); }

  heard events;
  subscription_book book;
  session it;
  protocol::message_parser parser;
  protocol::server_url server;
  session::time now = start;
  std::string output;
};

}  // namespace

TEST_CASE("session: CONNECT and PING answer INFO, and PONG opens it") {
  world w({.name = "me", .echo = false});
  CHECK(w.output.empty());
  CHECK(w.feed("INFO {\"headers\":true}\r\n") == step::go_on);
  CHECK(w.output.starts_with("CONNECT {"));
  CHECK(w.output.ends_with("}\r\nPING\r\n"));
  for (const auto* part : {"\"name\":\"me\"", "\"echo\":false", "\"verbose\":false",
                           "\"protocol\":1", "\"headers\":true", "\"no_responders\":true"}) {
    CAPTURE(part);
    CHECK(w.output.find(part) != std::string::npos);
  }
  CHECK_FALSE(w.it.is_open());
  CHECK(w.feed("PONG\r\n") == step::opened);
  CHECK(w.it.is_open());
}

TEST_CASE("session: without headers at the server it asks for neither them nor no-responders") {
  world w;
  w.feed("INFO {\"headers\":false}\r\n");
  CHECK(w.output.find("\"headers\":false") != std::string::npos);
  CHECK(w.output.find("\"no_responders\":false") != std::string::npos);
}

TEST_CASE("session: credentials of the URL win over those of the options") {
  const credentials who{.user = "a", .password = "b", .token = "c"};
  world plain({}, {}, who);
  plain.feed("INFO {}\r\n");
  CHECK(plain.output.find("\"user\":\"a\"") != std::string::npos);
  CHECK(plain.output.find("\"auth_token\":\"c\"") != std::string::npos);
  protocol::server_url url;
  url.user = "x";
  url.pass = "y";
  world named({}, url, who);
  named.feed("INFO {}\r\n");
  CHECK(named.output.find("\"user\":\"x\"") != std::string::npos);
  CHECK(named.output.find("\"pass\":\"y\"") != std::string::npos);
  CHECK(named.output.find("auth_token") == std::string::npos);
}

TEST_CASE("session: a greeting that fails says why") {
  struct row {
    const char* bytes;
    errc means;
  };
  for (const auto& [bytes, means] : {
           row{"INFO {}\r\n-ERR 'Authorization Violation'\r\n", errc::authorization},
           row{"INFO {}\r\n-ERR 'authorization violation'\r\n", errc::authorization},
           row{"INFO {}\r\n-ERR 'maximum connections exceeded'\r\n", errc::server_full},
           row{"INFO {}\r\n-ERR 'Secure Connection - TLS Required'\r\n", errc::tls_required},
           row{"INFO nonsense\r\n", errc::protocol},
           row{"PONG\r\n", errc::protocol},
           row{"HTTP/1.1 400 Bad Request\r\n", errc::protocol},
           row{"INFO {}\r\n-ERR 'Permissions Violation for Publish to \"a\"'\r\n",
               errc::permission},
       }) {
    CAPTURE(bytes);
    world w;
    CHECK(w.feed(bytes) == step::lost);
    CHECK(w.it.error() == means);
  }
}

TEST_CASE("session: TLS begins where the server requires it, or the user and the server has it") {
  using security = session::security;
  struct row {
    security how;
    const char* info;
    step expected;
  };
  for (const auto& [how, info, expected] : {
           row{security::if_required, "INFO {}\r\n", step::go_on},
           row{security::if_required, "INFO {\"tls_available\":true}\r\n", step::go_on},
           row{security::if_required, "INFO {\"tls_required\":true}\r\n", step::secure},
           row{security::demanded, "INFO {}\r\n", step::lost},
           row{security::demanded, "INFO {\"tls_available\":true}\r\n", step::secure},
           row{security::demanded, "INFO {\"tls_required\":true}\r\n", step::secure},
           row{security::settled, "INFO {}\r\n", step::go_on},
           row{security::settled, "INFO {\"tls_required\":true}\r\n", step::go_on},
       }) {
    CAPTURE(static_cast<int>(how));
    CAPTURE(info);
    world w;
    w.it.begin({}, {}, how);
    CHECK(w.feed(info) == expected);
    CHECK(w.output.empty() == (expected != step::go_on));
    if (expected == step::lost) CHECK(w.it.error() == errc::tls_unavailable);
    if (expected != step::secure) continue;
    CHECK(w.it.secured() == step::go_on);
    CHECK(w.it.take_output().find("\"tls_required\":true") != std::string::npos);
    CHECK(w.feed("PONG\r\n") == step::opened);
  }
}

TEST_CASE("session: PINGs are answered, PONGs counted, whatever the cuts") {
  const std::string bytes = "INFO {}\r\nPING\r\nPONG\r\nPING\r\n+OK\r\nPONG\r\nPONG\r\n";
  const std::string expected = "pong2 pong3 PING\r\nPONG\r\nPONG\r\n";
  nuncio::test::check_any_chunking(bytes, expected, [](const std::vector<std::string>& pieces) {
    world w;
    for (const auto& piece : pieces) w.feed(piece);
    return w.events.said + w.output.substr(w.output.find("PING"));
  });
}

TEST_CASE("session: messages go to their subscription, those of unknown ones nowhere") {
  world w;
  w.greet();
  recorder a;
  recorder b;
  w.book.add(1, "a.*", "", a);
  w.book.add(2, "b", "q", b);
  w.feed("MSG a.x 1 2\r\nhi\r\nMSG b 2 r 1\r\n1\r\nMSG c 3 1\r\n2\r\nMSG a.y 1 0\r\n\r\n");
  CHECK(a.got == "a.x=hi a.y= ");
  CHECK(b.got == "b=1 ");
  CHECK(w.book.remove(1));
  CHECK_FALSE(w.book.remove(1));
  w.feed("MSG a.x 1 1\r\n3\r\n");
  CHECK(a.got == "a.x=hi a.y= ");
}

TEST_CASE("session: a refused subscription ends, and the user is told") {
  world w;
  w.greet();
  recorder a;
  w.book.add(1, "a", "", a);
  CHECK(w.feed("-ERR 'Permissions Violation for Subscription to \"a\"'\r\n") == step::go_on);
  CHECK(a.got == "end:the server refused the subject ");
  CHECK(w.book.size() == 0);
  CHECK(w.events.said == "[14 Permissions Violation for Subscription to \"a\"] ");
}

TEST_CASE("session: errors that close end it, the others are told") {
  for (const auto& [text, means] : std::vector<std::pair<std::string, errc>>{
           {"Stale Connection", errc::stale},
           {"Unknown Protocol Operation", errc::refused},
           {"Maximum Payload Violation", errc::refused},
           {"User Authentication Expired", errc::authorization},
       }) {
    CAPTURE(text);
    world w;
    w.greet();
    CHECK(w.feed("-ERR '" + text + "'\r\n") == step::lost);
    CHECK(w.it.error() == means);
    CHECK(w.it.error_text() == text);
  }
  world w;
  w.greet();
  CHECK(w.feed("-ERR 'maximum subscriptions exceeded'\r\n-ERR 'Invalid Subject'\r\n") ==
        step::go_on);
  CHECK(w.it.is_open());
}

TEST_CASE("session: a silent server is asked, and lost after as many PINGs as are borne") {
  world w({.ping_interval = 10s, .max_pings_out = 2});
  CHECK_FALSE(w.it.next_timer());
  w.greet();
  w.output.clear();
  const auto pass = [&w] {
    w.now = *w.it.next_timer();
    const auto said = w.it.on_timer(w.now);
    w.output += w.it.take_output();
    return said;
  };
  CHECK(w.it.next_timer() == start + 10s);
  CHECK(w.it.on_timer(start + 9s) == step::go_on);
  CHECK(pass() == step::go_on);  // the greeting was heard
  CHECK(w.output.empty());
  CHECK(pass() == step::go_on);
  CHECK(w.output == "PING\r\n");
  w.feed("PONG\r\n");
  CHECK(pass() == step::go_on);
  CHECK(w.output == "PING\r\n");
  CHECK(pass() == step::go_on);
  CHECK(pass() == step::go_on);
  CHECK(w.output == "PING\r\nPING\r\nPING\r\n");
  CHECK(pass() == step::lost);
  CHECK(w.it.error() == errc::stale);
}

TEST_CASE("session: a later INFO replaces the first and is told") {
  world w;
  w.greet();
  CHECK(w.it.info().max_payload == 100);
  w.feed("INFO {\"server_name\":\"n\",\"max_payload\":7,\"headers\":true}\r\n");
  CHECK(w.it.info().max_payload == 7);
  CHECK(w.events.said == "info:n");
}

TEST_CASE("session: a seed signs the nonce, and nothing where the server has none") {
  const nuncio::protocol::nkey_pair keys(protocol::nkey_kind::user,
                                         std::array<std::byte, 32>{std::byte{7}});
  const auto signature = protocol::to_base64url(keys.sign("some-nonce"));
  const credentials who{.nkey_seed = keys.seed()};
  world asked({}, {}, who);
  CHECK(asked.feed("INFO {\"nonce\":\"some-nonce\"}\r\n") == step::go_on);
  CHECK(asked.output.find("\"nkey\":\"" + keys.public_key() + "\"") != std::string::npos);
  CHECK(asked.output.find("\"sig\":\"" + signature + "\"") != std::string::npos);
  CHECK(asked.output.find(keys.seed()) == std::string::npos);
  world plain({}, {}, who);
  plain.feed("INFO {}\r\n");
  CHECK(plain.output.find("\"sig\"") == std::string::npos);
}

TEST_CASE("session: a key that is kept elsewhere signs, or says why not") {
  credentials who{.jwt = "a.b.c", .nkey = "U"};
  who.sign = [](std::string_view nonce) -> boost::system::result<std::string> {
    if (nonce == "refuse") return boost::system::error_code(errc::timed_out);
    return nonce == "short" ? std::string("x") : std::string(64, 's');
  };
  world good({}, {}, who);
  good.feed("INFO {\"nonce\":\"n\"}\r\n");
  CHECK(good.output.find("\"jwt\":\"a.b.c\"") != std::string::npos);
  CHECK(good.output.find("\"sig\":\"c3Nz") != std::string::npos);
  world refused({}, {}, who);
  CHECK(refused.feed("INFO {\"nonce\":\"refuse\"}\r\n") == step::lost);
  CHECK(refused.it.error() == errc::timed_out);
  world strange({}, {}, who);
  CHECK(strange.feed("INFO {\"nonce\":\"short\"}\r\n") == step::lost);
  CHECK(strange.it.error() == errc::bad_credentials);
  CHECK(strange.output.empty());
}
