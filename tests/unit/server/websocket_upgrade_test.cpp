#include "net/websocket_upgrade.hpp"

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace nuncio::server;

namespace {

/// A request to be spoilt.
struct request {
  std::string first = "GET / HTTP/1.1";
  std::vector<std::pair<std::string, std::string>> fields{
      {"Host", "example.com"},
      {"Upgrade", "websocket"},
      {"Connection", "Upgrade"},
      {"Sec-WebSocket-Version", "13"},
      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};  // of RFC 6455, section 1.3

  request& set(std::string_view name, std::string_view value) {
    for (auto& [key, old] : fields) {
      if (key == name) {
        old = value;
        return *this;
      }
    }
    fields.emplace_back(name, value);
    return *this;
  }
  request& drop(std::string_view name) {
    std::erase_if(fields, [&](const auto& each) { return each.first == name; });
    return *this;
  }
  [[nodiscard]] std::string text() const {
    std::string out = first + "\r\n";
    for (const auto& [name, value] : fields) out.append(name).append(": ").append(value) += "\r\n";
    return out + "\r\n";
  }
};

websocket_upgrade ask(std::string_view text, const websocket_options& options = {}) {
  boost::asio::io_context loop;
  return answer_upgrade(text, options, loop);
}

websocket_upgrade ask(const request& of, const websocket_options& options = {}) {
  return ask(of.text(), options);
}

/// The status of an answer that is well-formed; 0: it isn't.
int status_of(const websocket_upgrade& found) {
  const std::string_view text = found.answer;
  if (!text.starts_with("HTTP/1.1 ") || text.find("\r\n\r\n") == std::string_view::npos) return 0;
  return std::stoi(std::string(text.substr(9, 3)));
}

/// The value of a field of an answer; all in one if it is there more than once.
std::string field_of(const websocket_upgrade& found, const std::string& name) {
  std::string out;
  for (std::size_t at = 0;
       (at = found.answer.find("\r\n" + name + ": ", at)) != std::string::npos;) {
    at += name.size() + 4;
    out += found.answer.substr(at, found.answer.find('\r', at) - at);
  }
  return out;
}

bool is_accepted(const websocket_upgrade& found) {
  return found.refusal.empty() && status_of(found) == 101;
}

void check_refused(const request& of,
                   int status,
                   std::string_view why,
                   const websocket_options& options = {}) {
  const auto text = of.text();
  CAPTURE(text);
  const auto found = ask(of, options);
  CHECK(status_of(found) == status);
  CHECK(found.refusal == why);
  CHECK(field_of(found, "Sec-Websocket-Version") == "13");
  CHECK(field_of(found, "Connection") == "close");
  const auto body = found.answer.substr(found.answer.find("\r\n\r\n") + 4);
  CHECK(field_of(found, "Content-Length") == std::to_string(body.size()));
}

}  // namespace

TEST_CASE("websocket_upgrade: a request ends with an empty line") {
  CHECK(end_of_upgrade("") == 0);
  CHECK(end_of_upgrade("GET / HTTP/1.1\r\nHost: a\r\n") == 0);
  CHECK(end_of_upgrade("GET / HTTP/1.1\r\nHost: a\r\n\r") == 0);
  CHECK(end_of_upgrade("GET / HTTP/1.1\n\n") == 0);
  CHECK(end_of_upgrade("GET / HTTP/1.1\r\n\r\n") == 18);
  CHECK(end_of_upgrade("GET / HTTP/1.1\r\n\r\nmore\r\n\r\n") == 18);
}

TEST_CASE("websocket_upgrade: the example of RFC 6455, section 1.3") {
  const auto found = ask(request{});
  CHECK(found.answer.starts_with("HTTP/1.1 101 "));
  CHECK(found.answer.ends_with("\r\n\r\n"));
  CHECK(field_of(found, "Upgrade") == "websocket");
  CHECK(field_of(found, "Connection") == "upgrade");
  CHECK(field_of(found, "Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(field_of(found, "Sec-WebSocket-Extensions").empty());
  CHECK(found.refusal.empty());
  CHECK(found.masks);
  CHECK_FALSE(found.compresses);
  CHECK_FALSE(found.wants_small);
  CHECK(found.splits_compressed);
  CHECK(found.forwarded_for.empty());
  CHECK(found.who == nullptr);
}

TEST_CASE("websocket_upgrade: any path but those of other protocols, with any query") {
  for (const auto* path : {"/", "/nats", "/a/b?c=/mqtt", "/leafnode/", "/leafnodes", "*"}) {
    CAPTURE(path);
    CHECK(is_accepted(ask(request{.first = std::string("GET ") + path + " HTTP/1.1"})));
  }
  for (const std::string path : {"/leafnode", "/a/leafnode", "/mqtt", "/a/mqtt"}) {
    check_refused({.first = "GET " + path + " HTTP/1.1"}, 404, "nothing is offered at " + path);
    check_refused({.first = "GET " + path + "?a=b HTTP/1.1"}, 404, "nothing is offered at " + path);
  }
}

TEST_CASE("websocket_upgrade: the method is GET") {
  for (const std::string method : {"POST", "HEAD", "OPTIONS", "PUT", "DELETE", "get", "NONSENSE"}) {
    check_refused({.first = method + " / HTTP/1.1"}, 405, "request method must be GET");
  }
}

TEST_CASE("websocket_upgrade: what has to be there, and how") {
  check_refused(request{}.drop("Host"), 400, "no header 'Host'");
  check_refused(request{}.set("Host", ""), 400, "no header 'Host'");
  check_refused(request{}.drop("Upgrade"), 400, "invalid value for header 'Upgrade'");
  check_refused(request{}.set("Upgrade", "h2c"), 400, "invalid value for header 'Upgrade'");
  check_refused(request{}.set("Upgrade", "websockets"), 400, "invalid value for header 'Upgrade'");
  check_refused(request{}.drop("Connection"), 400, "invalid value for header 'Connection'");
  check_refused(request{}.set("Connection", "keep-alive"), 400,
                "invalid value for header 'Connection'");
  check_refused(request{}.drop("Sec-WebSocket-Key"), 400, "key missing");
  check_refused(request{}.drop("Sec-WebSocket-Version"), 400, "invalid version");
  for (const auto* version : {"12", "8", "013", "13, 8", "14"}) {
    check_refused(request{}.set("Sec-WebSocket-Version", version), 400, "invalid version");
  }
}

TEST_CASE("websocket_upgrade: names and tokens in any case, among others") {
  for (const auto* token : {"websocket", "WebSocket", "WEBSOCKET", "h2c, websocket",
                            "websocket,h2c", " \twebsocket "}) {
    CAPTURE(token);
    CHECK(is_accepted(ask(request{}.set("Upgrade", token))));
  }
  for (const auto* token :
       {"Upgrade", "upgrade", "keep-alive, Upgrade", "Upgrade,keep-alive", "a , UPGRADE , b"}) {
    CAPTURE(token);
    CHECK(is_accepted(ask(request{}.set("Connection", token))));
  }
  request odd;
  for (auto& [name, value] : odd.fields) {
    for (auto& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  CHECK(is_accepted(ask(odd)));
}

TEST_CASE("websocket_upgrade: a key is 16 bytes in base64") {
  for (const auto* key : {"abc", "dGhlIHNhbXBsZSBub25jZQ==x", "dGhlIHNhbXBsZSBub25j",
                          "dGhlIHNhbXBsZSBub25jZTE3", "????????????????????????"}) {
    check_refused(request{}.set("Sec-WebSocket-Key", key), 400, "invalid websocket key");
  }
}

TEST_CASE("websocket_upgrade: pages come from anywhere, unless something else is said") {
  for (const auto* from : {"http://a.com", "null", "nonsense", ""}) {
    CHECK(is_accepted(ask(request{}.set("Origin", from))));
  }
}

TEST_CASE("websocket_upgrade: pages of the same origin") {
  websocket_options plain{.no_tls = true, .same_origin = true};
  websocket_options secure{.tls = tls_options{}, .same_origin = true};
  struct {
    std::string_view host;
    std::string_view origin;
    bool plain;   // may it, where there is no TLS
    bool secure;  // and where there is
  } const table[]{
      {"example.com", "http://example.com", true, false},
      {"example.com", "https://example.com", false, true},
      {"example.com:80", "http://example.com", true, false},
      {"example.com", "http://example.com:80", true, false},
      {"example.com:443", "https://example.com", false, true},
      {"example.com:4223", "http://example.com:4223", true, false},
      {"example.com:4223", "https://example.com:4223", false, true},
      {"example.com:4223", "ws://example.com:4223", false, false},
      {"example.com:4223", "http://example.com:4224", false, false},
      {"example.com:4223", "http://example.com", false, false},
      {"Example.COM", "http://eXample.com", true, false},
      {"example.com", "HTTP://example.com", true, false},
      {"example.com", "http://other.com", false, false},
      {"example.com", "http://example.com.evil.org", false, false},
      {"example.com", "http://evil.org/example.com", false, false},
      {"[::1]", "http://[::1]", true, false},
      {"[::1]:80", "http://[::1]", true, false},
      {"[::1]", "https://[::1]:443", false, true},
      {"[::1]:8080", "http://[::1]:8080", true, false},
      {"[::1]:8080", "http://[::2]:8080", false, false},
      {"[fe80::A]", "http://[fe80::a]", true, false},
      {"127.0.0.1:4223", "http://127.0.0.1:4223", true, false},
      {"::1", "http://::1", false, false},
      {"example.com:nonsense", "http://example.com:nonsense", false, false},
      {"example.com:", "http://example.com:", false, false},
  };
  for (const auto& [host, origin, in_plain, in_secure] : table) {
    CAPTURE(host);
    CAPTURE(origin);
    const auto asked = request{}.set("Host", host).set("Origin", origin);
    CHECK(is_accepted(ask(asked, plain)) == in_plain);
    CHECK(is_accepted(ask(asked, secure)) == in_secure);
  }
  check_refused(request{}.set("Origin", "http://other.com"), 403,
                "origin not allowed: not same origin", plain);
  for (const auto* origin : {"null", "example.com", "://example.com", "http://", "http://a/b",
                             "http://me@example.com", "http://example.com?x", "http://a b"}) {
    check_refused(request{}.set("Origin", origin), 403, "origin not allowed: malformed", plain);
  }
  CHECK(is_accepted(ask(request{}, plain)));  // no browser
  check_refused(request{}.set("Sec-WebSocket-Origin", "http://other.com"), 403,
                "origin not allowed: not same origin", plain);
}

TEST_CASE("websocket_upgrade: pages of a list of origins") {
  const websocket_options options{
      .no_tls = true,
      .allowed_origins = {"https://www.example.com", "http://localhost:8080", "https://[::1]"}};
  for (const auto* origin :
       {"https://www.example.com", "https://www.example.com:443", "HTTPS://WWW.EXAMPLE.COM",
        "http://localhost:8080", "https://[::1]", "https://[::1]:443"}) {
    CAPTURE(origin);
    CHECK(is_accepted(ask(request{}.set("Origin", origin), options)));
  }
  for (const auto* origin :
       {"http://www.example.com", "https://example.com", "https://www.example.com:8443",
        "http://localhost", "https://localhost:8080", "https://www.example.com.evil.org"}) {
    check_refused(request{}.set("Origin", origin), 403,
                  "origin not allowed: not in the allowed list", options);
  }
  CHECK(is_accepted(ask(request{}, options)));
  check_refused(request{}.set("Origin", "null"), 403, "origin not allowed: malformed", options);
}

TEST_CASE("websocket_upgrade: of the same origin and in the list, if both are asked for") {
  const websocket_options both{.no_tls = true,
                               .same_origin = true,
                               .allowed_origins = {"http://example.com", "http://other.com"}};
  CHECK(is_accepted(ask(request{}.set("Origin", "http://example.com"), both)));
  check_refused(request{}.set("Origin", "http://other.com"), 403,
                "origin not allowed: not same origin", both);
  check_refused(request{}.set("Host", "third.com").set("Origin", "http://third.com"), 403,
                "origin not allowed: not in the allowed list", both);
}

TEST_CASE("websocket_upgrade: compression if it is offered and wanted") {
  const websocket_options options{.compression = true};
  constexpr std::string_view agreed =
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  for (const auto* offer :
       {"permessage-deflate", "Permessage-Deflate", "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=10",
        "x-webkit-deflate-frame, permessage-deflate", "foo; a=\"b\", permessage-deflate"}) {
    CAPTURE(offer);
    const auto asked = request{}.set("Sec-WebSocket-Extensions", offer);
    const auto found = ask(asked, options);
    CHECK(is_accepted(found));
    CHECK(found.compresses);
    CHECK(field_of(found, "Sec-WebSocket-Extensions") == agreed);
    const auto without = ask(asked);
    CHECK_FALSE(without.compresses);
    CHECK(field_of(without, "Sec-WebSocket-Extensions").empty());
  }
  for (const auto* offer : {"", "x-webkit-deflate-frame", "permessage-deflate2", "; permessage"}) {
    CAPTURE(offer);
    const auto found = ask(request{}.set("Sec-WebSocket-Extensions", offer), options);
    CHECK(is_accepted(found));
    CHECK_FALSE(found.compresses);
  }
}

TEST_CASE("websocket_upgrade: frames without masks, by agreement") {
  for (const auto* value : {"true", "True"}) {
    const auto found = ask(request{}.set("Nats-No-Masking", value));
    CHECK_FALSE(found.masks);
    CHECK(field_of(found, "Nats-No-Masking") == "true");
  }
  for (const auto* value : {"false", "", "1", "yes"}) {
    const auto found = ask(request{}.set("Nats-No-Masking", value));
    CHECK(found.masks);
    CHECK(field_of(found, "Nats-No-Masking").empty());
  }
}

TEST_CASE("websocket_upgrade: browsers want small frames, Safari whole ones if compressed") {
  constexpr std::string_view chrome =
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 "
      "Safari/537.36";
  constexpr std::string_view safari =
      "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1";
  const auto by = [](std::string_view agent) { return ask(request{}.set("User-Agent", agent)); };
  CHECK(by(chrome).wants_small);
  CHECK(by(chrome).splits_compressed);
  CHECK(by(safari).wants_small);
  CHECK_FALSE(by(safari).splits_compressed);
  CHECK_FALSE(by("curl/8.0").wants_small);
  CHECK(by("curl/8.0").splits_compressed);
}

TEST_CASE("websocket_upgrade: an address that a proxy names") {
  struct {
    std::string_view value;
    std::string_view is;
  } const table[]{
      {"1.2.3.4", "1.2.3.4"},
      {" 1.2.3.4 ", "1.2.3.4"},
      {"1.2.3.4, 5.6.7.8", "1.2.3.4"},
      {"2001:DB8::1", "2001:db8::1"},
      {"1.2.3.4:5", ""},
      {"[::1]", ""},
      {"unknown", ""},
      {"", ""},
      {", 1.2.3.4", ""},
      {"1.2.3.4.5", ""},
      {"1.2.3.4 evil text", ""},
  };
  for (const auto& [value, is] : table) {
    CAPTURE(value);
    CHECK(ask(request{}.set("X-Forwarded-For", value)).forwarded_for == is);
  }
}

TEST_CASE("websocket_upgrade: cookies, as far as they are asked for") {
  const websocket_options options{
      .user_cookie = "user", .pass_cookie = "pass", .token_cookie = "token"};
  const auto with = [&](std::string_view text) {
    auto found = ask(request{}.set("Cookie", text), options);
    CHECK(is_accepted(found));
    return found.who == nullptr ? websocket_cookies{"-", "-", "-"} : *found.who;
  };
  const auto is = [](const websocket_cookies& who, std::string_view user, std::string_view password,
                     std::string_view token) {
    return who.user == user && who.password == password && who.token == token;
  };
  CHECK(is(with("user=me; pass=secret; token=t"), "me", "secret", "t"));
  CHECK(is(with("token=t;pass=secret;user=me"), "me", "secret", "t"));
  CHECK(is(with("user=\"me\"; pass=\"a b\""), "me", "a b", ""));
  CHECK(is(with("user=\"me; pass=x\""), "\"me", "x\"", ""));
  CHECK(is(with("pass=a=b=="), "", "a=b==", ""));
  CHECK(is(with("user=one; user=two"), "one", "", ""));
  CHECK(is(with(" ;; =x ;\tuser=me\t; nonsense"), "me", "", ""));
  CHECK(is(with("user=\""), "\"", "", ""));
  for (const auto* text : {"", "USER=me", "xuser=me", "user", "user=", "user=\"\"", "other=1"}) {
    CAPTURE(text);
    CHECK(is(with(text), "-", "-", "-"));
  }
  CHECK(ask(request{}.set("Cookie", "user=me")).who == nullptr);
  CHECK(ask(request{}.set("Cookie", "=me")).who == nullptr);
}

TEST_CASE("websocket_upgrade: headers of the answer, besides") {
  const websocket_options options{.headers = {{"X-One", "1"}, {"x-two", "a b, c"}}};
  const auto found = ask(request{}, options);
  CHECK(is_accepted(found));
  CHECK(field_of(found, "X-One") == "1");
  CHECK(field_of(found, "x-two") == "a b, c");
}

TEST_CASE("websocket_upgrade: which headers may be set") {
  for (const auto* name : {"X-One", "Server", "Access-Control-Allow-Origin", "a!#$%&'*+-.^_`|~z"}) {
    CAPTURE(name);
    CHECK(is_websocket_header(name, "any value"));
  }
  for (const auto* name :
       {"", "Upgrade", "upgrade", "Connection", "Sec-WebSocket-Accept", "SEC-WEBSOCKET-ACCEPT",
        "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol", "Nats-No-Masking", "a b",
        "a:", "a\r\nb", "caf\xc3\xa9"}) {
    CAPTURE(name);
    CHECK_FALSE(is_websocket_header(name, "any value"));
  }
  for (const auto* value : {"", "a", "a\tb", "caf\xc3\xa9"}) {
    CHECK(is_websocket_header("a", value));
  }
  for (const std::string& value :
       {std::string("a\r\nb: c"), std::string("a\nb"), std::string("\x7f"), std::string(1, '\0')}) {
    CHECK_FALSE(is_websocket_header("a", value));
  }
}

TEST_CASE("websocket_upgrade: what an origin looks like") {
  for (const auto* text :
       {"http://a", "https://a.b:1", "http://[::1]:80", "capacitor://localhost"}) {
    CAPTURE(text);
    CHECK(is_origin(text));
  }
  for (const auto* text : {"", "a", "a.com:80", "http://", "http:/a", "http://a/", "http://a:b",
                           "http://a:123456", "http://::1", "http://[::1", "null", "*"}) {
    CAPTURE(text);
    CHECK_FALSE(is_origin(text));
  }
}

TEST_CASE("websocket_upgrade: what is no request of HTTP/1.1") {
  const auto good = request{}.text();
  const auto rest = good.substr(good.find("\r\n"));
  for (const std::string first :
       {"GET / HTTP/1.0", "GET / HTTP/0.9", "GET / HTTP/2.0", "GET /", "GET", "", "HTTP/1.1 200 OK",
        "GET / HTTP/1.1 x", " GET / HTTP/1.1", "GET  / HTTP/1.1", "GET /\x01 HTTP/1.1",
        "\x16\x03\x01\x02", "CONNECT {}"}) {
    CAPTURE(first);
    const auto found = ask(first + rest);
    CHECK(status_of(found) == 400);
    CHECK_FALSE(found.refusal.empty());
  }
  for (const std::string more :
       {"no colon", " : x", "a b: c", ": x", "a: \x01", "a\x80: b", "X-Forwarded-For 1"}) {
    CAPTURE(more);
    auto text = good;
    text.insert(text.size() - 2, more + "\r\n");
    const auto found = ask(text);
    CHECK(status_of(found) == 400);
    CHECK_FALSE(found.refusal.empty());
  }
  for (const std::string text : {"\r\n\r\n", "x\r\n\r\n", "\n\r\n\r\n"}) {
    CHECK(status_of(ask(text)) == 400);
  }
}

TEST_CASE("websocket_upgrade: nothing of a request gets into an answer") {
  for (const auto* name : {"Host", "Upgrade", "Connection", "Sec-WebSocket-Version",
                           "Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Cookie", "Origin",
                           "Sec-WebSocket-Extensions", "Nats-No-Masking", "X-Forwarded-For"}) {
    CAPTURE(name);
    const websocket_options options{.same_origin = true, .compression = true};
    const auto found = ask(request{}.set(name, "INJECTED"), options);
    CHECK(found.answer.find("INJECTED") == std::string::npos);
    // A line that is folded, as it was once allowed.
    const auto folded = ask(request{}.set(name, "x\r\n INJECTED: x"), options);
    CHECK(folded.answer.find("INJECTED") == std::string::npos);
  }
}

TEST_CASE("websocket_upgrade: a request up to the longest is read") {
  auto text = request{}.text();
  text.insert(text.size() - 2,
              "X-Long: " + std::string(longest_upgrade - text.size() - 10, 'x') + "\r\n");
  REQUIRE(text.size() == longest_upgrade);
  CHECK(is_accepted(ask(text)));
}
