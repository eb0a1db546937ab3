// Calls and their answers. How calls end otherwise is in rpc_ending_test.cpp.
#include "rpc_world.hpp"

#include <nuncio/protocol/service.hpp>

#include <boost/asio/post.hpp>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

struct person {
  std::string name;
  std::vector<int> numbers;
  MSGPACK_DEFINE_MAP(name, numbers);
};

// Can't be written.
struct unwritable {};
template <>
struct nuncio::rpc::codec<unwritable> {
  static constexpr content_type preferred = content_type::msgpack;
  static bool knows(content_type) noexcept { return true; }
  static void encode(const unwritable&, content_type, std::string&) {
    throw std::length_error("too long");
  }
};

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;
namespace protocol = nuncio::protocol;
namespace rpc = nuncio::rpc;
using rpc::code;

}  // namespace

TEST_CASE("rpc: handlers of every form answer") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.endpoint<sum_request, int>(
        "add", [](sum_request r, rpc::context&) -> asio::awaitable<int> { co_return r.a + r.b; });
    service.endpoint<sum_request, int>("add_now", [](sum_request r) { return r.a + r.b; });
    service.endpoint<sum_request, long>("add_wide", [](const sum_request& r) { return r.a + r.b; });
    service.endpoint<rpc::nothing, std::string>("hello", [] { return std::string("hello"); });
    service.endpoint<void, std::string>(
        "subject", [](const rpc::context& about) { return std::string(about.subject()); });
    int noted = 0;
    service.endpoint<int, void>("note", [&](int n) -> asio::awaitable<void> {
      co_await pause(1ms);
      noted = n;
    });
    service.endpoint<person, person>("same", [](person p) { return p; });
    service.endpoint<rpc::bytes, rpc::bytes>("raw", [](rpc::bytes b) { return b; });
    co_await w.ready();
    CHECK(co_await w.remote.call<int>("add", two_and_three) == 5);
    CHECK(co_await w.remote.call<int>("add_now", two_and_three) == 5);
    CHECK(co_await w.remote.call<long>("add_wide", two_and_three) == 5);
    CHECK(co_await w.remote.call<std::string>("hello", rpc::nothing{}) == "hello");
    CHECK(co_await w.remote.call<std::string>("subject", rpc::nothing{}) == "calc.subject");
    co_await w.remote.call("note", 7);
    CHECK(noted == 7);
    const person ada{"Ada", {1, 2, 3}};
    const auto same = co_await w.remote.call<person>("same", ada);
    CHECK(same.name == "Ada");
    CHECK(same.numbers == ada.numbers);
    const auto as_json =
        co_await w.remote.call<person>("same", ada, {.encoding = rpc::content_type::json});
    CHECK(as_json.numbers == ada.numbers);
    const rpc::bytes raw{std::string("\0\xff", 2)};
    CHECK(co_await w.remote.call<rpc::bytes>("raw", raw) == raw);
  });
}

TEST_CASE("rpc: nobody serves an endpoint: UNAVAILABLE at once, surely not run") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    const auto how = co_await status_of(w.remote.call<int>("add", two_and_three, {.timeout = 20s}));
    CHECK(how.code == code::unavailable);
    CHECK(how.surely_not_run);
    CHECK(how.reason == "no-responders");
  });
}

TEST_CASE("rpc: what a handler throws arrives whole, and the service goes on") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    std::string logged;
    auto set = calc();
    set.log = [&](std::string_view line) { logged += line; };
    rpc::service service(w.serving, set);
    service.endpoint<int, int>("refuse", [](int n, rpc::context& about) -> asio::awaitable<int> {
      about.reply_headers().add("Trail", "yes");
      rpc::status why(code::resource_exhausted, "not " + std::to_string(n));
      why.reason = "quota";
      why.retry_after = 1500ms;
      why.details_type = "quota";
      why.details = "{\"left\":0}";
      why.details_content_type = "application/json";
      throw rpc::error(why);
      co_return 0;
    });
    service.endpoint<int, int>("break", [](int) -> int { throw std::runtime_error("secret"); });
    service.endpoint<int, int>("odd", [](int) -> asio::awaitable<int> {
      throw 7;  // NOLINT: on purpose
      co_return 0;
    });
    co_await w.ready();
    auto how = co_await status_of(w.remote.call<int>("refuse", 4));
    CHECK(how.code == code::resource_exhausted);
    CHECK(how.text == "not 4");
    CHECK(how.reason == "quota");
    CHECK(how.retry_after == 1500ms);
    CHECK(how.details_type == "quota");
    CHECK(how.details == "{\"left\":0}");
    CHECK(how.details_content_type == "application/json");
    CHECK(how.instance == service.id());
    CHECK_FALSE(how.surely_not_run);

    for (const auto* endpoint : {"break", "odd"}) {
      logged.clear();
      how = co_await status_of(w.remote.call<int>(endpoint, 4));
      CHECK(how.code == code::internal);
      CHECK(how.text.find("secret") == std::string::npos);
      const auto incident = how.text.substr(how.text.rfind(' ') + 1);
      CHECK(logged.find(incident) != std::string::npos);
    }
    how = co_await status_of(w.remote.call<int>("refuse", 5));
    CHECK(how.text == "not 5");
    const auto stats = service.stats();
    CHECK(stats.endpoints[0].requests == 2);
    CHECK(stats.endpoints[0].errors == 2);
    CHECK(stats.endpoints[0].last_error == "429:not 5");
  });
}

TEST_CASE("rpc: a reply that can't be written fails its call, and the service goes on") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    std::string logged;
    set.log = [&](std::string_view line) { logged += line; };
    rpc::service service(w.serving, set);
    service.endpoint<int, unwritable>("later", [](int) -> asio::awaitable<unwritable> {
      co_await asio::post(asio::use_awaitable);
      co_return unwritable{};
    });
    service.endpoint<int, unwritable>("now", [](int) { return unwritable{}; });
    service.endpoint<int, int>("same", [](int n) { return n; });
    co_await w.ready();
    for (const auto* endpoint : {"later", "now"}) {
      CAPTURE(endpoint);
      logged.clear();
      const auto how = co_await status_of(w.remote.call<int>(endpoint, 1));
      CHECK(how.code == code::internal);
      CHECK(logged.find("too long") != std::string::npos);
    }
    CHECK(co_await w.remote.call<int>("same", 2) == 2);
  });
}

TEST_CASE("rpc: a request that can't be read is INVALID_ARGUMENT and names the field") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    bool has_run = false;
    service.endpoint<sum_request, int>("add", [&](sum_request) {
      has_run = true;
      return 0;
    });
    co_await w.ready();
    std::map<std::string, std::string> wrong{{"a", "x"}};
    auto how = co_await status_of(w.remote.call<int>("add", wrong));
    CHECK(how.code == code::invalid_argument);
    CHECK(how.surely_not_run);
    CHECK(how.text == "sum_request: field \"a\", byte 3, is a string, which doesn't fit");
    const rpc::bytes cut{"\x82\xa1"};
    how = co_await status_of(w.remote.call<int>("add", cut));
    CHECK(how.code == code::invalid_argument);
    CHECK_FALSE(has_run);
    // What the caller can't read is its own failure.
    const auto odd = co_await status_of(w.remote.call<std::vector<int>>("add", two_and_three));
    CHECK(odd.code == code::internal);
    CHECK(odd.text.find("the reply can't be read") == 0);
  });
}

TEST_CASE("rpc: classic callers get plain answers and plain failures") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.endpoint<sum_request, int>("add", [](sum_request r) {
      if (r.a < 0) throw rpc::error(code::out_of_range, "too small");
      return r.a + r.b;
    });
    co_await w.ready();
    auto m = co_await w.calling.async_request("calc.add",
                                              "\x82\xa1"
                                              "a\x02\xa1"
                                              "b\x03",
                                              5s, asio::use_awaitable);
    CHECK(m.payload() == "\x05");
    CHECK(m.header_block().empty());
    m = co_await w.calling.async_request("calc.add",
                                         "\x82\xa1"
                                         "a\xff\xa1"
                                         "b\x03",
                                         5s, asio::use_awaitable);
    CHECK(m.headers().find("Nats-Service-Error") == "too small");
    CHECK(m.headers().find("Nats-Service-Error-Code") == "400");
    CHECK(m.headers().find("Nuncio-Status") == "OUT_OF_RANGE");
    // A JSON body, as most of them send it, needs no more than its type.
    client::headers h;
    REQUIRE(h.add("Content-Type", "application/json"));
    m = co_await w.calling.async_request(
        {.subject = "calc.add", .header_block = h.block(), .payload = R"({"a":2,"b":3})"}, 5s,
        asio::use_awaitable);
    CHECK(m.payload() == "5");
  });
}

TEST_CASE("rpc: answers of classic services are understood") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto sub = w.serving.subscribe("calc.*", [&](const client::message_view& m) {
      client::headers h;
      if (m.subject.ends_with("fail")) {
        CHECK(h.add("Nats-Service-Error-Code", "418"));
        CHECK(h.add("Nats-Service-Error", "teapot"));
      }
      CHECK_FALSE(w.serving.publish(
          {.subject = m.reply, .header_block = h.empty() ? "" : h.block(), .payload = "\x05"}));
    });
    co_await w.ready();
    CHECK(co_await w.remote.call<int>("add", two_and_three) == 5);
    const auto how = co_await status_of(w.remote.call<int>("fail", two_and_three));
    CHECK(how.code == code::failed_precondition);
    CHECK(how.number == 418);
    CHECK(how.text == "teapot");
  });
}

TEST_CASE("rpc: requests that break the rules are refused with a reason") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.endpoint<int, int>("same", [](int n) { return n; });
    co_await w.ready();
    const std::vector<std::pair<std::string, std::string>> table{
        {"Nuncio: t=x", "INVALID_ARGUMENT"},
        {"Nuncio: t=0", "DEADLINE_EXCEEDED"},
        {"Nuncio: f=bidi", "UNIMPLEMENTED"},
        {"Nuncio: f=later", "UNIMPLEMENTED"},
        {"Content-Type: image/png", "INVALID_ARGUMENT"}};
    for (const auto& [line, name] : table) {
      CAPTURE(line);
      const auto block = "NATS/1.0\r\n" + line + "\r\n\r\n";
      const auto m = co_await w.calling.async_request(
          {.subject = "calc.same", .header_block = block, .payload = "\x01"}, 5s,
          asio::use_awaitable);
      CHECK(m.headers().find("Nuncio-Status") == name);
      CHECK(m.headers().find("Nuncio-Executed") == "no");
    }
    CHECK(co_await w.remote.call<int>("same", 3) == 3);
  });
}

TEST_CASE("rpc: one-way calls say nothing, unless nobody is there and one asks") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    int sum = 0;
    service.endpoint<int, int>("drop", [&](int n) {
      sum += n;
      return sum;
    });
    co_await w.ready();
    CHECK(w.remote.send("drop", 1).is_ok());
    CHECK(w.remote.send("nobody", 1).is_ok());
    const auto heard = co_await w.remote.async_send("drop", 2, {}, asio::use_awaitable);
    CHECK(heard.has_value());
    const auto unheard = co_await w.remote.async_send("nobody", 2, {}, asio::use_awaitable);
    REQUIRE(unheard.has_error());
    CHECK(unheard.error().code == code::unavailable);
    co_await until([&] { return sum == 3; });
    const std::string large(2'000'000, 'x');
    CHECK(w.remote.send("drop", large).reason == "max-payload");
  });
}

TEST_CASE("rpc: metadata goes both ways") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    std::string tenant;
    std::string key;
    service.endpoint<int, int>("same", [&](int n, rpc::context& about) {
      tenant = about.headers().find("Tenant").value_or("");
      key = about.headers().find("Key-bin").value_or("");
      return n;
    });
    co_await w.ready();
    rpc::metadata headers;
    CHECK(headers.add("Tenant", "acme"));
    CHECK(headers.add("Key-bin", std::string_view("\0\r\n", 3)));
    CHECK_FALSE(headers.add("Nuncio", "t=1"));
    CHECK_FALSE(headers.add("Nats-Trace-Dest", "x"));
    CHECK(co_await w.remote.call<int>("same", 1, {.id = "x y", .headers = &headers}) == 1);
    CHECK(tenant == "acme");
    CHECK(key == std::string_view("\0\r\n", 3));
  });
}

TEST_CASE("rpc: services answer discovery") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.description = "adds";
    set.versioned = true;
    rpc::service service(w.serving, set);
    service.endpoint<sum_request, int>("add", [](sum_request r) { return r.a + r.b; });
    service.in_group("tools.math").endpoint<int, int>("same", [](int n) { return n; });
    co_await w.ready();
    for (const auto& subject : {std::string("$SRV.INFO"), std::string("$SRV.INFO.calc"),
                                "$SRV.INFO.calc." + std::string(service.id())}) {
      CAPTURE(subject);
      const auto m = co_await w.calling.async_request(subject, "", 5s, asio::use_awaitable);
      const auto info = protocol::parse_info_response(m.payload());
      REQUIRE(info.has_value());
      CHECK(info->identity.name == "calc");
      CHECK(info->identity.version == "1.2.0");
      CHECK(info->identity.id == service.id());
      CHECK(info->description == "adds");
      REQUIRE(info->endpoints.size() == 2);
      CHECK(info->endpoints[0].subject == "calc.add");
      CHECK(info->endpoints[0].queue_group == "q");
      CHECK(info->endpoints[0].metadata.at("nuncio.kind") == "unary");
      CHECK(info->endpoints[1].subject == "tools.math.same");
    }
    rpc::stub versioned(w.calling, "calc.v1");
    CHECK(co_await versioned.call<int>("add", two_and_three) == 5);
    rpc::stub math(w.calling, "tools.math");
    CHECK(co_await math.call<int>("same", 4) == 4);
    const auto ping =
        co_await w.calling.async_request("$SRV.PING.calc", "", 5s, asio::use_awaitable);
    CHECK(ping.payload().find("io.nats.micro.v1.ping_response") != std::string::npos);
    const auto stats =
        co_await w.calling.async_request("$SRV.STATS.calc", "", 5s, asio::use_awaitable);
    CHECK(stats.payload().find(R"("num_requests":1)") != std::string::npos);
    service.reset();
    CHECK(service.stats().endpoints[0].requests == 0);
    service.stop();
    co_await w.ready();
    const auto gone = co_await status_of(w.remote.call<int>("add", two_and_three));
    CHECK(gone.code == code::unavailable);
  });
}

TEST_CASE("rpc: a service can't have a name that isn't one") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.name = "a.b";
    CHECK_THROWS_AS(rpc::service(w.serving, set), std::invalid_argument);
    set = calc();
    set.version = "1";
    CHECK_THROWS_AS(rpc::service(w.serving, set), std::invalid_argument);
    rpc::service service(w.serving, calc());
    const auto same = [](int n) { return n; };
    CHECK_THROWS_AS((service.endpoint<int, int>("a b", same)), std::invalid_argument);
    CHECK_THROWS_AS((service.endpoint<int, int>("a", same, {.subject = "a..b"})),
                    std::invalid_argument);
    co_return;
  });
}

TEST_CASE("rpc: a reply that is too large becomes a failure") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.endpoint<int, std::string>(
        "large", [](int n) { return std::string(static_cast<std::size_t>(n), 'x'); });
    co_await w.ready();
    const auto how = co_await status_of(w.remote.call<std::string>("large", 2'000'000));
    CHECK(how.code == code::resource_exhausted);
    CHECK(how.reason == "max-payload");
    CHECK_FALSE(how.surely_not_run);
    CHECK((co_await w.remote.call<std::string>("large", 1000)).size() == 1000);
  });
}

TEST_CASE("rpc: thousands of calls are in flight at once") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.max_concurrent = set.max_per_caller = 10'000;
    rpc::service service(w.serving, set);
    service.endpoint<int, int>("twice", [](int n) -> asio::awaitable<int> {
      co_await asio::post(asio::use_awaitable);
      co_return 2 * n;
    });
    co_await w.ready();
    int right = 0;
    int ended = 0;
    for (int i = 0; i < 5000; ++i) {
      w.remote.async_call<int>("twice", i, {.timeout = 25s}, [&, i](rpc::result<int> r) {
        ++ended;
        right += r.has_value() && *r == 2 * i ? 1 : 0;
      });
    }
    co_await until([&] { return ended == 5000; });
    CHECK(right == 5000);
  });
}

// For the run with tests/support/jumping_clock.cpp, in which all of this goes as ever.
TEST_CASE("clock: the wall clock jumps" * doctest::skip()) {
  using clock = std::chrono::system_clock;
  const auto first = clock::now();
  CHECK(std::chrono::abs(clock::now() - first) > 12h);
}
