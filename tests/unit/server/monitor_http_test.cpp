#include "monitor/http_message.hpp"
#include "monitor/request_reader.hpp"
#include "monitor_site.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace nuncio::server::monitor;
using namespace std::chrono_literals;
using nuncio::test::site;
using nuncio::test::visitor;

namespace {

// Says what it was asked.
void echo(const http_request& request, const http_reply& reply) {
  reply({200,
         "application/json",
         request.method + ' ' + request.path + ' ' + request.query + ' ' + request.accept,
         {}});
}

std::string get(std::string_view target, std::string_view more = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n" + std::string(more) + "\r\n";
}

std::string body_of(std::string_view answer) {
  return std::string(answer.substr(answer.find("\r\n\r\n") + 4));
}

// The answer to a request of its own connection.
std::string asked(site& at, std::string_view request, bool has_body = true) {
  visitor one(at.port());
  one.say(request);
  at.until([&] { return one.has_answer(has_body) || one.is_over(); });
  return one.take();
}

std::vector<received_request> read_all(std::string_view text, std::size_t piece) {
  request_reader reader("/base/");
  std::vector<received_request> out;
  for (;;) {
    const auto room = reader.room();
    const auto size = std::min({piece, room.size(), text.size()});
    std::copy_n(text.data(), size, room.data());
    text.remove_prefix(size);
    for (auto found = reader.next(size); found; found = reader.next(0)) {
      out.push_back(std::move(*found));
      if (!out.back().form.keeps_alive) return out;
    }
    if (text.empty()) return out;
  }
}

http_response refusal(std::string_view text) {
  const auto all = read_all(text, text.size());
  REQUIRE(all.size() == 1);
  REQUIRE(all.front().answer.has_value());
  CHECK_FALSE(all.front().form.keeps_alive);
  return *all.front().answer;
}

}  // namespace

TEST_CASE("request: paths are made short, as Go's mux does") {
  CHECK(clean_path("") == "/");
  CHECK(clean_path("/") == "/");
  CHECK(clean_path("//varz") == "/varz");
  CHECK(clean_path("/a/../b/./c") == "/b/c");
  CHECK(clean_path("/../..") == "/");
  CHECK(clean_path("/a/") == "/a/");
  CHECK(clean_path("/a/.") == "/a/");
  CHECK(clean_path("nats") == "/nats");
}

TEST_CASE("request: the path is decoded and stands below the base") {
  const auto page = [](std::string_view target, std::string_view base = "") {
    const auto out = route(target, base);
    REQUIRE(std::holds_alternative<http_request>(out));
    return std::get<http_request>(out);
  };
  CHECK(page("/varz").path == "/varz");
  CHECK(page("/%76arz?a=%20&b").path == "/varz");
  CHECK(page("/%76arz?a=%20&b").query == "a=%20&b");
  CHECK(page("http://host:1/varz?x").path == "/varz");
  CHECK(page("http://host?x").path == "/");
  CHECK(page("/nats/varz", "/nats").path == "/varz");
  CHECK(page("/nats", "/nats").path == "/");
  CHECK(page("/nats/", "/nats").path == "/");
}

TEST_CASE("request: what is no page has its answer") {
  const auto answer = [](std::string_view target, std::string_view base = "") {
    const auto out = route(target, base);
    REQUIRE(std::holds_alternative<http_response>(out));
    return std::get<http_response>(out);
  };
  CHECK(answer("/varz", "/nats").status == 404);
  CHECK(answer("/natsx/varz", "/nats").status == 404);
  CHECK(answer("/varz", "/nats").body == "404 page not found\n");
  CHECK(answer("/%zz").status == 400);
  CHECK(answer("*").status == 400);
  CHECK(answer("varz").status == 400);
  CHECK(answer("//varz?a=b").status == 307);
  CHECK(answer("//varz?a=b").location == "/varz?a=b");
  CHECK(answer("//evil.test/..").location == "/");
}

TEST_CASE("request: any pieces are the same requests") {
  const std::string text = get("/base/varz?a=1", "Accept: text/plain\r\n") +
                           "POST /base/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345" +
                           "PUT /base/y HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                           "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" +
                           "HEAD /base HTTP/1.0\r\n\r\n";
  for (const std::size_t piece : {text.size(), std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
    CAPTURE(piece);
    const auto all = read_all(text, piece);
    REQUIRE(all.size() == 4);
    CHECK(all[0].asked.path == "/varz");
    CHECK(all[0].asked.query == "a=1");
    CHECK(all[0].asked.method == "GET");
    CHECK(all[0].asked.accept == "text/plain");
    CHECK(all[0].form.keeps_alive);
    CHECK(all[0].wants_body);
    CHECK(all[1].asked.method == "POST");
    CHECK(all[1].asked.path == "/x");
    CHECK(all[2].asked.method == "PUT");
    CHECK(all[3].asked.path == "/");
    CHECK_FALSE(all[3].form.keeps_alive);
    CHECK(all[3].form.is_old);
    CHECK_FALSE(all[3].wants_body);
    for (const auto& each : all) CHECK_FALSE(each.answer.has_value());
  }
}

TEST_CASE("request: what isn't HTTP, or is too long, is refused") {
  CHECK(refusal("GARBAGE\r\n\r\n").status == 400);
  CHECK(refusal("GET  / HTTP/1.1\r\nHost: x\r\n\r\n").status == 400);
  CHECK(refusal("GET / HTTP/3.1\r\nHost: x\r\n\r\n").status == 400);
  CHECK(refusal("GET / HTTP/1.1\r\na b: c\r\n\r\n").status == 400);
  CHECK(refusal("GET / HTTP/1.1\r\n\r\n").body == "400 Bad Request: missing required Host header");
  CHECK(refusal("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n").status == 400);
  CHECK(refusal("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n").status == 400);
  CHECK(refusal("GET / HTTP/1.1\r\nHost: x\r\nExpect: cake\r\n\r\n").status == 417);
  CHECK(refusal(get("/" + std::string(request_reader::longest_header, 'a'))).status == 431);
  CHECK(refusal("GET /" + std::string(2 * request_reader::longest_header, 'a')).status == 431);
  CHECK(refusal("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").status == 413);
  CHECK(refusal("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n").status == 501);
  CHECK(refusal("GARBAGE\r\n\r\n").body == "400 Bad Request");
}

TEST_CASE("request: who waits for leave to send a body gets the answer instead") {
  const auto all = read_all(
      "POST /base/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
      4096);
  REQUIRE(all.size() == 1);
  CHECK(all[0].asked.path == "/x");
  CHECK_FALSE(all[0].form.keeps_alive);
  CHECK_FALSE(all[0].is_complete);
}

TEST_CASE("answer: headers are those of the reference") {
  const std::chrono::system_clock::time_point when(1700000000s);
  CHECK(response_head({200, "application/json", "{}", {}}, {}, when) ==
        "HTTP/1.1 200 OK\r\n"
        "Access-Control-Allow-Origin: *\r\n"
        "Content-Type: application/json\r\n"
        "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
        "Content-Length: 2\r\n\r\n");
  CHECK(response_head(not_found(), {false, false}, when) ==
        "HTTP/1.1 404 Not Found\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
        "Content-Length: 19\r\n"
        "Connection: close\r\n\r\n");
  const auto has_origin = [&](const http_response& what) {
    return response_head(what, {}, when).find("Access-Control") != std::string::npos;
  };
  CHECK(has_origin({503, "application/json", "{}", {}}));
  CHECK(has_origin({200, "text/plain; charset=utf-8", "", {}}));
  CHECK_FALSE(has_origin({200, "text/html; charset=utf-8", "", {}}));
  CHECK_FALSE(has_origin(plain_answer(400)));
  CHECK(response_head(plain_answer(400), {true, true}, when).find("HTTP/1.0 400 Bad Request\r\n") ==
        0);
  CHECK(response_head(plain_answer(400), {true, true}, when).find("Connection: keep-alive") !=
        std::string::npos);
}

TEST_CASE("HTTP: a connection stays for the next request") {
  site at(echo);
  visitor one(at.port());
  for (const std::string_view target : {"/varz?a=1", "/connz", "/nothing"}) {
    one.say(get(target, "Accept: */*\r\n"));
    at.until([&] { return one.has_answer(); });
    const auto answer = one.take();
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(answer.find("Connection:") == std::string::npos);
    CHECK(body_of(answer).starts_with("GET " + std::string(target.substr(0, target.find('?')))));
  }
  CHECK(at.connections() == 1);
  one.say(get("/last", "Connection: close\r\n"));
  at.until([&] { return one.is_over(); });
  CHECK(one.take().find("Connection: close\r\n") != std::string::npos);
  CHECK(at.connections() == 0);
}

TEST_CASE("HTTP: many requests at once are answered in their order") {
  site at(echo);
  visitor one(at.port());
  std::string all;
  for (int i = 0; i < 300; ++i) all += get("/" + std::to_string(i));
  one.say(all + get("/end", "Connection: close\r\n"));
  at.until([&] { return one.is_over(); });
  const auto heard = one.take();
  std::size_t place = 0;
  for (int i = 0; i < 300 && place != std::string::npos; ++i) {
    place = heard.find("GET /" + std::to_string(i) + ' ', place);
  }
  CHECK(place != std::string::npos);
  CHECK(heard.find("GET /end", place) != std::string::npos);
}

TEST_CASE("HTTP: HEAD gets the headers of GET") {
  site at(echo);
  const auto head = asked(at, "HEAD /varz HTTP/1.1\r\nHost: x\r\n\r\n", false);
  CHECK(head.find("Content-Length: 12\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(body_of(asked(at, "DELETE /varz HTTP/1.1\r\nHost: x\r\n\r\n")) == "DELETE /varz  ");
}

TEST_CASE("HTTP: HTTP/1.0 ends with its answer") {
  site at(echo);
  visitor one(at.port());
  one.say("GET / HTTP/1.0\r\n\r\n");
  at.until([&] { return one.is_over(); });
  CHECK(one.take().starts_with("HTTP/1.0 200 OK\r\n"));
}

TEST_CASE("HTTP: pages stand below the base path") {
  http_settings with;
  with.base_path = "nats/";
  site at(echo, std::move(with));
  CHECK(body_of(asked(at, get("/nats/varz"))) == "GET /varz  ");
  CHECK(body_of(asked(at, get("/nats"))) == "GET /  ");
  CHECK(asked(at, get("/varz")).starts_with("HTTP/1.1 404 Not Found\r\n"));
}

TEST_CASE("HTTP: what isn't HTTP is answered 400, and that was it") {
  site at(echo);
  visitor one(at.port());
  one.say("PUB foo 5\r\nhello\r\n");
  at.until([&] { return one.is_over(); });
  CHECK(one.take().starts_with("HTTP/1.1 400 Bad Request\r\n"));
}

TEST_CASE("HTTP: who sends too much gets the answer in spite of it") {
  site at(echo);
  visitor one(at.port());
  one.say("GET /" + std::string(300'000, 'a'));
  at.until([&] { return one.is_over(); });
  CHECK(one.take().starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
  at.until([&] { return at.connections() == 0; });
}

TEST_CASE("HTTP: headers that don't come in time close the connection, idle ones likewise") {
  http_settings with;
  with.header_timeout = 20ms;
  with.idle_timeout = 20ms;
  site at(echo, std::move(with));
  visitor silent(at.port());
  visitor slow(at.port());
  slow.say("GET /varz HTTP/1.1\r\n");
  visitor idle(at.port());
  idle.say(get("/varz"));
  at.until([&] { return silent.is_over() && slow.is_over() && idle.is_over(); });
  CHECK(silent.take().empty());
  CHECK(slow.take().empty());
  CHECK(idle.take().starts_with("HTTP/1.1 200 OK"));
  CHECK(at.connections() == 0);
}

TEST_CASE("HTTP: of a thousand that do nothing only so many stay, and one that asks is served") {
  http_settings with;
  with.max_connections = 100;
  site at(echo, std::move(with));
  std::vector<std::unique_ptr<visitor>> idle;
  for (int i = 0; i < 1000; ++i) {
    idle.push_back(std::make_unique<visitor>(at.port()));
    if (i % 50 == 0) at.turn();
  }
  CHECK(body_of(asked(at, get("/varz"))) == "GET /varz  ");
  at.until([&] { return idle[0]->is_over(); });
  CHECK(at.connections() <= 100);
  CHECK_FALSE(idle.back()->is_over());
  const auto left =
      std::count_if(idle.begin(), idle.end(), [](auto& each) { return !each->is_over(); });
  CHECK(left <= 100);
}

TEST_CASE("HTTP: one that is being answered makes no room for others") {
  http_settings with;
  with.max_connections = 2;
  std::vector<http_reply> open;
  site at([&](const http_request&, http_reply reply) { open.push_back(std::move(reply)); },
          std::move(with));
  visitor first(at.port());
  first.say(get("/1"));
  visitor second(at.port());
  second.say(get("/2"));
  at.until([&] { return open.size() == 2; });
  visitor third(at.port());
  at.until([&] { return third.is_over(); });
  for (const auto& each : open) each({200, "application/json", "{}", {}});
  at.until([&] { return first.has_answer() && second.has_answer(); });
  CHECK(at.connections() == 2);
}

TEST_CASE("HTTP: a reply may come later, once, or never") {
  std::vector<http_reply> open;
  http_settings with;
  with.answer_timeout = 20ms;
  site at(
      [&](const http_request& request, http_reply reply) {
        open.push_back(std::move(reply));
        if (request.path == "/throws") throw std::runtime_error("trouble");
      },
      std::move(with));
  visitor later(at.port());
  later.say(get("/later"));
  at.until([&] { return open.size() == 1; });
  open[0]({200, "application/json", "1", {}});
  open[0]({200, "application/json", "2", {}});
  at.until([&] { return later.has_answer(); });
  CHECK(body_of(later.take()) == "1");

  CHECK(asked(at, get("/throws")).starts_with("HTTP/1.1 500 Internal Server Error\r\n"));

  visitor never(at.port());
  never.say(get("/never"));
  at.until([&] { return never.is_over(); });
  open.back()({200, "application/json", "too late", {}});
  CHECK(never.take().empty());
}

TEST_CASE("HTTP: a long answer comes in pieces, and others are served meanwhile") {
  std::string large(20'000'000, 'x');
  for (std::size_t i = 0; i < large.size(); i += 1000)
    large[i] = static_cast<char>('a' + i / 1000 % 26);
  site at([&](const http_request& request, const http_reply& reply) {
    reply({200, "application/json", request.path == "/large" ? large : "small", {}});
  });
  visitor slow(at.port(), 16 * 1024);
  slow.say(get("/large"));
  at.turn();
  CHECK(body_of(asked(at, get("/small"))) == "small");
  at.until([&] { return slow.has_answer(); });
  CHECK(body_of(slow.take()) == large);
}

TEST_CASE("HTTP: answers that nobody takes are given up, the oldest first") {
  const std::string large(8'000'000, 'x');
  http_settings with;
  with.max_unsent = 20'000'000;
  site at([&](const http_request&,
              const http_reply& reply) { reply({200, "application/json", large, {}}); },
          std::move(with));
  std::vector<std::unique_ptr<visitor>> slow;
  for (int i = 0; i < 10; ++i) {
    slow.push_back(std::make_unique<visitor>(at.port(), 16 * 1024));
    slow.back()->say(get("/"));
    at.until([&] { return at.connections() == std::min<std::size_t>(slow.size(), 2); });
    at.turn();
  }
  at.until([&] { return slow.back()->has_answer(); });
  CHECK(at.connections() <= 2);
  at.until([&] { return slow[0]->is_over(); });
  CHECK_FALSE(slow[0]->has_answer());
}

TEST_CASE("HTTP: who takes nothing of an answer is closed") {
  const std::string large(20'000'000, 'x');
  http_settings with;
  with.write_timeout = 20ms;
  site at([&](const http_request&,
              const http_reply& reply) { reply({200, "application/json", large, {}}); },
          std::move(with));
  visitor stuck(at.port(), 16 * 1024);
  stuck.say(get("/"));
  at.until([&] { return at.connections() == 1; });
  at.until([&] { return at.connections() == 0; });
}

TEST_CASE("HTTP: a server that stops lets all go, and replies that come then go nowhere") {
  std::vector<http_reply> open;
  site at([&](const http_request&, http_reply reply) { open.push_back(std::move(reply)); });
  visitor asking(at.port());
  asking.say(get("/"));
  visitor idle(at.port());
  at.until([&] { return open.size() == 1 && at.connections() == 2; });
  at.its_server().stop();
  at.until([&] { return asking.is_over() && idle.is_over(); });
  CHECK(at.connections() == 0);
  open[0]({200, "application/json", "{}", {}});
  CHECK_THROWS(visitor(at.port()));
}

TEST_CASE("HTTP: a port that is taken is named") {
  site at(echo);
  boost::asio::io_context loop;
  nuncio::server::silent_log log;
  http_settings with;
  with.host = "127.0.0.1";
  with.port = at.port();
  http_server second(loop, std::move(with), echo, log);
  try {
    second.open();
    FAIL("it listens");
  } catch (const std::system_error& failure) {
    CHECK(std::string_view(failure.what()).find("127.0.0.1:" + std::to_string(at.port())) !=
          std::string_view::npos);
  }
}
