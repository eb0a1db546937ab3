// Streams with raw frames at one end: what gets lost, and peers that say what they shouldn't, or
// know nothing of streams.
#include "patient_streams.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;
namespace rpc = nuncio::rpc;
using rpc::code;

std::string frame(std::string_view line, std::string_view headers = {}) {
  return "NATS/1.0\r\nNuncio: " + std::string(line) + "\r\n" + std::string(headers) + "\r\n";
}

/// The line of a message, or its payload between brackets if it has none.
std::string said(const client::message& m) {
  const auto line = m.headers().find("Nuncio");
  return line ? std::string(*line) : "(" + std::string(m.payload()) + ")";
}

bool has(const std::string& line, std::string_view part) {
  return ("," + line + ",").find("," + std::string(part) + ",") != std::string::npos;
}

constexpr auto one = "\x01";  // 1 as msgpack

/// A service's end by hand.
struct raw_service {
  raw_service(world& in, const std::string& endpoint)
      : w(in),
        openings(in.serving.subscribe("calc." + endpoint)),
        control(in.serving.subscribe("control.>")) {}

  /// Takes the next opening.
  asio::awaitable<std::string> taken() {
    auto m = co_await openings.async_next(asio::use_awaitable);
    reply = m.reply();
    co_return said(m);
  }
  void say(std::string_view line, std::string_view payload = {}, std::string_view headers = {}) {
    CHECK_FALSE(w.serving.publish(
        {.subject = reply, .header_block = frame(line, headers), .payload = payload}));
  }
  void accept(const std::string& to = "control.1",
              std::string_view line = "f=accept,w=9/9999,s=100") {
    CHECK_FALSE(w.serving.publish({.subject = reply, .reply = to, .header_block = frame(line)}));
  }
  void bare(std::string_view payload) {
    CHECK_FALSE(w.serving.publish({.subject = reply, .payload = payload}));
  }
  /// The next frame of the caller.
  asio::awaitable<std::string> heard() {
    co_return said(co_await control.async_next(asio::use_awaitable));
  }

  world& w;
  client::subscription openings;
  client::subscription control;
  std::string reply;
};

/// A caller's end by hand.
struct raw_caller {
  explicit raw_caller(world& in) : w(in), inbox(in.calling.subscribe("inbox.>")) {}

  void open(const std::string& endpoint, std::string_view line, std::string_view payload = {}) {
    CHECK_FALSE(w.calling.publish({.subject = "calc." + endpoint,
                                   .reply = "inbox.1",
                                   .header_block = line.empty() ? "" : frame(line),
                                   .payload = payload}));
  }
  asio::awaitable<client::message> message() {
    co_return co_await inbox.async_next(asio::use_awaitable);
  }
  asio::awaitable<std::string> heard() {
    const auto m = co_await message();
    if (!m.reply().empty()) control = m.reply();
    co_return said(m);
  }
  void say(std::string_view line, std::string_view payload = {}, std::string_view reply = {}) {
    CHECK_FALSE(w.calling.publish(
        {.subject = control, .reply = reply, .header_block = frame(line), .payload = payload}));
  }
  void bare(std::string_view payload) {
    CHECK_FALSE(w.calling.publish({.subject = control, .payload = payload}));
  }

  world& w;
  client::subscription inbox;
  std::string control;
};

}  // namespace

TEST_CASE("streams: a service that vanishes is missed after unanswered pings, or by the broker") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    raw_service service(w, "wait");
    co_await w.ready();
    rpc::stub_options set;
    set.streams.ping_after = 20ms;
    rpc::stub remote(w.calling, "calc", set);
    auto in = remote.server_stream<int>("wait", 1);
    CHECK(has(co_await service.taken(), "f=server"));
    service.accept();
    const auto ping = co_await service.control.async_next(asio::use_awaitable);
    CHECK(has(said(ping), "f=ping"));
    CHECK(has(said(ping), "e"));  // it sends no items
    CHECK(ping.reply() == service.reply);
    auto how = co_await status_of(in.async_read());
    CHECK(how.code == code::unavailable);
    CHECK(how.reason == "pings-unanswered");
    CHECK(has(co_await service.heard(), "f=ping"));
    CHECK(has(co_await service.heard(), "f=ping"));
    CHECK(has(co_await service.heard(), "f=cancel"));

    auto other = remote.server_stream<int>("wait", 1);
    co_await service.taken();
    service.accept("nobody.listens");
    how = co_await status_of(other.async_read());
    CHECK(how.code == code::unavailable);
    CHECK(how.reason == "peer-gone");
  });
}

TEST_CASE("streams: a caller that vanishes is missed, too") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.streams.ping_after = 20ms;
    rpc::service service(w.serving, set);
    patient_streams all;
    all.serve(service);
    co_await w.ready();
    raw_caller caller(w);
    caller.open("listen", "f=bidi,w=9/9999");
    const auto accept = co_await caller.heard();
    CHECK(has(accept, "f=accept"));
    CHECK(has(accept, "w=256/262144"));
    for (int i = 0; i < 3; ++i) {
      const auto ping = co_await caller.message();
      CHECK(has(said(ping), "f=ping"));
      CHECK(ping.reply().empty());
      if (i == 0) caller.say("f=ack,s=0");
    }
    co_await until([&] { return all.cancelled == 1; });
    CHECK(has(co_await caller.heard(), "f=ping"));
    const auto end = co_await caller.message();
    CHECK(has(said(end), "f=end"));
    CHECK(end.headers().find("Nuncio-Status") == "UNAVAILABLE");
    // Who comes back is told that the call is over.
    caller.say("f=ping,s=0", {}, "inbox.1");
    const auto unknown = co_await caller.message();
    CHECK(unknown.headers().find("Nuncio-Reason") == "unknown-call");
  });
}

TEST_CASE("streams: a lost item is found out by the next number, and nothing comes after that") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    raw_service service(w, "wait");
    co_await w.ready();
    struct trial {
      std::string_view line;
      std::string_view payload;
    };
    for (const auto& [line, payload] : std::vector<trial>{{"f=data,s=103", one},
                                                          {"f=data,s=101", one},
                                                          {"f=ack,s=102", ""},
                                                          {"f=ping,s=0", ""},
                                                          {"f=end,s=102", ""},
                                                          {"f=end", ""}}) {
      CAPTURE(line);
      auto in = w.remote.server_stream<int>("wait", 1);
      co_await service.taken();
      service.accept();
      service.say("f=data,s=101", one);
      CHECK(co_await in.async_read() == 1);
      service.say(line, payload);
      service.bare(one);
      const auto how = co_await status_of(in.async_read());
      CHECK(how.code == code::data_loss);
      CHECK_FALSE(how.surely_not_run);
      CHECK(has(co_await service.heard(), "f=cancel"));
    }
  });
}

TEST_CASE("streams: frames before accept mean that it was lost") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    raw_service service(w, "wait");
    co_await w.ready();
    for (const std::string_view line :
         {"f=data,s=101", "f=end,s=100", "f=ack,s=100", "f=ping,s=100"}) {
      CAPTURE(line);
      auto in = w.remote.server_stream<int>("wait", 1);
      co_await service.taken();
      service.say(line, one);
      CHECK((co_await status_of(in.async_read())).code == code::data_loss);
    }
    // An end that tells of a failure is a refusal.
    auto in = w.remote.server_stream<int>("wait", 1);
    co_await service.taken();
    service.say(
        "f=end", {},
        "Nats-Service-Error: full\r\nNats-Service-Error-Code: 429\r\nNuncio-Executed: no\r\n");
    const auto how = co_await status_of(in.async_read());
    CHECK(how.code == code::resource_exhausted);
    CHECK(how.surely_not_run);
  });
}

TEST_CASE("streams: who isn't accepted in time fails, and says cancel when it is") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    raw_service service(w, "wait");
    co_await w.ready();
    rpc::stub_options set;
    set.streams.accept_within = 20ms;
    rpc::stub remote(w.calling, "calc", set);
    auto in = remote.server_stream<int>("wait", 1);
    const auto how = co_await status_of(in.async_read());
    CHECK(how.code == code::unavailable);
    CHECK(how.reason == "no-accept");
    CHECK_FALSE(how.surely_not_run);
    co_await service.taken();
    service.accept();
    CHECK(co_await service.heard() == "f=cancel");
  });
}

TEST_CASE("streams: a second accept ends the call, and both instances hear of it") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    raw_service service(w, "wait");
    co_await w.ready();
    auto in = w.remote.server_stream<int>("wait", 1);
    co_await service.taken();
    service.accept("control.1");
    service.accept("control.2");
    const auto how = co_await status_of(in.async_read());
    CHECK(how.code == code::aborted);
    CHECK_FALSE(how.surely_not_run);
    std::vector<std::string> subjects;
    for (int i = 0; i < 2; ++i) {
      const auto m = co_await service.control.async_next(asio::use_awaitable);
      CHECK(said(m) == "f=cancel");
      subjects.emplace_back(m.subject());
    }
    CHECK(subjects[0] != subjects[1]);
  });
}

TEST_CASE("streams: a service that breaks the rules is cancelled") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    raw_service service(w, "wait");
    co_await w.ready();
    for (const std::string_view line : {"f=what", "f=ack,r=5/5,w=9/9,s=100", "=", "f=server"}) {
      CAPTURE(line);
      auto in = w.remote.server_stream<int>("wait", 1);
      co_await service.taken();
      service.accept();
      service.say(line);
      CHECK((co_await status_of(in.async_read())).code == code::internal);
      CHECK(co_await service.heard() == "f=cancel");
    }
    // More than there was credit for.
    rpc::stub_options set;
    set.streams.window.items = 2;
    rpc::stub remote(w.calling, "calc", set);
    auto in = remote.server_stream<int>("wait", 1);
    CHECK(has(co_await service.taken(), "w=2/262144"));
    service.accept();
    for (int i = 0; i < 3; ++i) service.bare(one);
    CHECK(co_await service.heard() == "f=cancel");
    CHECK((co_await status_of(in.async_read())).code == code::internal);
    // What isn't an item of the type, and what is none at all.
    auto other = w.remote.server_stream<int>("wait", 1);
    co_await service.taken();
    service.accept();
    service.bare("\xa1x");
    const auto how = co_await status_of(other.async_read());
    CHECK(how.code == code::internal);
    CHECK(co_await service.heard() == "f=cancel");
  });
}

TEST_CASE("streams: an import's traces are borne") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    raw_service service(w, "wait");
    co_await w.ready();
    auto in = w.remote.server_stream<int>("wait", 1);
    co_await service.taken();
    service.accept();
    CHECK_FALSE(w.serving.publish({.subject = service.reply,
                                   .header_block = "NATS/1.0\r\nNats-Request-Info: {}\r\n\r\n",
                                   .payload = one}));
    CHECK(co_await in.async_read() == 1);
    service.bare({});
    service.say("f=drain");
    service.say("f=end,s=101");
    service.bare({});
    CHECK_FALSE(co_await in.async_read());
    CHECK(in.is_draining());
    // A broker's own failures have no line.
    auto other = w.remote.server_stream<int>("wait", 1);
    co_await service.taken();
    service.accept();
    CHECK_FALSE(w.serving.publish(
        {.subject = service.reply,
         .header_block =
             "NATS/1.0\r\nNats-Service-Error: gone\r\nNats-Service-Error-Code: 503\r\n\r\n"}));
    CHECK((co_await status_of(other.async_read())).code == code::unavailable);
  });
}

TEST_CASE("streams: a classic service's messages are the items, and it takes none") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    raw_service service(w, "wait");
    co_await w.ready();
    auto in = w.remote.server_stream<int>("wait", 1);
    co_await service.taken();
    service.bare(one);
    service.bare(one);
    service.bare({});
    CHECK(co_await in.async_read() == 1);
    CHECK(co_await in.async_read() == 1);
    CHECK_FALSE(co_await in.async_read());

    auto failing = w.remote.server_stream<int>("wait", 1);
    co_await service.taken();
    service.bare(one);
    CHECK_FALSE(w.serving.publish(
        {.subject = service.reply,
         .header_block =
             "NATS/1.0\r\nNats-Service-Error: no\r\nNats-Service-Error-Code: 404\r\n\r\n"}));
    CHECK(co_await failing.async_read() == 1);
    CHECK((co_await status_of(failing.async_read())).code == code::not_found);

    auto odd = w.remote.server_stream<int>("wait", 1);
    co_await service.taken();
    service.bare(one);
    service.say("f=data,s=3", one);
    CHECK((co_await status_of([](auto from) -> asio::awaitable<void> {
            while (const auto item = co_await from.async_read()) {
            }
          }(odd)))
              .code == code::data_loss);

    auto sum = w.remote.client_stream<int, int>("wait");
    co_await service.taken();
    service.bare(one);
    CHECK((co_await status_of(sum.async_finish())).code == code::unimplemented);

    rpc::stub_options set;
    set.streams.classic_silence = 20ms;
    rpc::stub remote(w.calling, "calc", set);
    auto silent = remote.server_stream<int>("wait", 1);
    co_await service.taken();
    service.bare(one);
    CHECK(co_await silent.async_read() == 1);
    CHECK((co_await status_of(silent.async_read())).code == code::deadline_exceeded);
  });
}

TEST_CASE("streams: a classic caller gets items as messages, and an empty one at the end") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.streams.classic_items = 5;
    set.streams.classic_bytes = 1000;
    rpc::service service(w.serving, set);
    service.server_stream<int, rpc::bytes>(
        "items", [](int n, rpc::writer<rpc::bytes>& out) -> asio::awaitable<void> {
          const rpc::bytes item{n < 0 ? std::string() : std::string(n > 50 ? 600 : 3, 'x')};
          for (int i = 0; i < std::max(n, 1); ++i) co_await out.async_write(item);
          if (n == 2) throw rpc::error(code::not_found, "no more");
        });
    patient_streams all;
    all.serve(service);
    co_await w.ready();
    raw_caller caller(w);
    const auto ask = [&](const std::string& request) -> asio::awaitable<std::string> {
      caller.open("items", {}, request);
      std::string out;
      for (;;) {
        const auto m = co_await caller.message();
        out += said(m);
        CHECK(m.reply().empty());
        if (!m.payload().empty()) continue;
        CHECK_FALSE(m.headers().find("Nuncio"));
        co_return out + std::string(m.headers().find("Nats-Service-Error-Code").value_or("end"));
      }
    };
    CHECK(co_await ask("\x01") == "(xxx)()end");
    CHECK(co_await ask("\x02") == "(xxx)(xxx)()404");
    CHECK(co_await ask("\xff") == "()500");
    CHECK(co_await ask("\x05") == "(xxx)(xxx)(xxx)(xxx)(xxx)()end");
    CHECK(co_await ask("\x06") == "(xxx)(xxx)(xxx)(xxx)(xxx)()429");
    CHECK(co_await ask("\x40") == "(" + std::string(600, 'x') + ")()429");
    CHECK(co_await ask("\xa1?") == "()400");
    // Other kinds can't be called like that.
    caller.open("listen", {}, one);
    CHECK((co_await caller.message()).headers().find("Nats-Service-Error-Code") == "501");
    caller.open("listen", "f=client,w=1/1", one);
    const auto other = co_await caller.message();
    CHECK(other.headers().find("Nats-Service-Error-Code") == "501");
    CHECK(said(other) == "f=end");
    CHECK(all.started == 0);
  });
}

TEST_CASE("streams: a caller by hand gets its items, its credit and its end") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.streams.window = {.items = 4, .bytes = 100};
    rpc::service service(w.serving, set);
    patient_streams all;
    all.serve(service);
    service.server_stream<int, int>("count",
                                    [](int n, rpc::writer<int>& out) -> asio::awaitable<void> {
                                      for (int i = 0; i < n; ++i) co_await out.async_write(i);
                                    });
    co_await w.ready();
    raw_caller caller(w);
    // An opening may be the first item.
    caller.open("listen", "f=bidi,w=9/9999,d", one);
    const auto accept = co_await caller.heard();
    CHECK(has(accept, "w=4/100"));
    caller.bare("\x02");
    CHECK(has(co_await caller.heard(), "f=ack"));
    caller.bare("\x03");
    caller.say("f=data,s=4", "\x04");
    const auto ack = co_await caller.heard();
    CHECK(has(ack, "r=4/4"));
    CHECK(has(ack, "w=4/100"));
    caller.say("f=end,s=4");
    CHECK(has(co_await caller.heard(), "f=end"));
    CHECK(all.got == std::vector<int>{1, 2, 3, 4});

    // Two items at a time, the first with its number.
    caller.open("count", "f=server,w=2/1000", "\x05");
    const auto begin = co_await caller.heard();
    const auto first = std::stoull(begin.substr(begin.find("s=") + 2));
    CHECK(co_await caller.heard() == "f=data,s=" + std::to_string(first + 1));
    const auto second = co_await caller.heard();
    CHECK(second == "f=data,s=" + std::to_string(first + 2));
    caller.say("f=ack,r=2/2,w=10/1000,s=0");
    for (int i = 3; i <= 5; ++i) {
      const auto m = co_await caller.message();
      CHECK(m.payload() == std::string(1, static_cast<char>(i - 1)));
    }
    CHECK(co_await caller.heard() == "f=end,s=" + std::to_string(first + 5));
  });
}

TEST_CASE("streams: a caller that breaks the rules is cancelled, and so is the handler") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.streams.window = {.items = 2, .bytes = 100};
    rpc::service service(w.serving, set);
    patient_streams all;
    all.serve(service);
    co_await w.ready();
    raw_caller caller(w);
    int calls = 0;
    const auto opened = [&]() -> asio::awaitable<void> {
      caller.open("listen", "f=bidi,w=9/9999");
      CHECK(has(co_await caller.heard(), "f=accept"));
    };
    const auto cancelled = [&](std::string expected) -> asio::awaitable<void> {
      ++calls;
      for (;;) {
        const auto frame = co_await caller.heard();
        if (has(frame, "f=ack")) continue;
        CHECK(has(frame, expected));
        break;
      }
      co_await until([&] { return all.cancelled == calls; });
    };
    for (const std::string_view line : {"f=what", "f=ack,r=1/1,w=9/9,s=0", "=", "f=accept,s=1"}) {
      CAPTURE(line);
      co_await opened();
      caller.say(line);
      co_await cancelled("f=cancel");
    }
    // Acks for nothing.
    co_await opened();
    for (int i = 0; i < 17; ++i) caller.say("f=ack,s=0");
    co_await cancelled("f=cancel");
    // Items behind the end.
    co_await opened();
    caller.say("f=end,s=0");
    co_await until([&] { return all.ended == calls + 1; });
    CHECK(has(co_await caller.heard(), "f=end"));
    // Lost ones.
    co_await opened();
    caller.say("f=end,s=3");
    co_await cancelled("f=end");
    // Its own wish, said in both ways.
    for (const std::string_view line : {"f=cancel", "f=end"}) {
      co_await opened();
      CHECK_FALSE(w.calling.publish(
          {.subject = caller.control,
           .header_block =
               frame(line, "Nats-Service-Error: enough\r\nNats-Service-Error-Code: 499\r\n")}));
      co_await cancelled("f=end");
    }
    CHECK(service.stats().endpoints[1].errors == static_cast<std::uint64_t>(calls));
  });
}

TEST_CASE("streams: a ping of a caller may stand for an end that was lost") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    patient_streams all;
    all.serve(service);
    co_await w.ready();
    raw_caller caller(w);
    caller.open("listen", "f=bidi,w=9/9999");
    CHECK(has(co_await caller.heard(), "f=accept"));
    caller.bare(one);
    caller.say("f=ping,s=1,e", {}, "inbox.1");
    const auto ack = co_await caller.heard();
    CHECK(has(ack, "f=ack"));
    CHECK(has(co_await caller.heard(), "f=end"));
    CHECK(all.got == std::vector<int>{1});
  });
}
