// Calls and streams over a connection that breaks at every byte: each ends once, what came of a
// stream is its beginning, one that ended well is whole, no handler is left running, and the next
// connection serves as if nothing had been. Caller and service share the connection.
#include "coroutines.hpp"
#include "memory_broker.hpp"
#include "sanitizers.hpp"

#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace client = nuncio::client;
namespace rpc = nuncio::rpc;
using rpc::code;

constexpr int items = 9;
constexpr long sum_of_items = items * (items - 1) / 2;

/// Lets others run, and the processor rest, until `holds()` does.
template <class Holds>
asio::awaitable<void> wait_until(Holds holds) {
  asio::steady_timer timer(co_await here());
  while (!holds()) {
    timer.expires_after(2ms);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

/// A call that was lost with its connection waits until then.
constexpr std::chrono::milliseconds patience = 700ms;

/// How often something ended, and how.
struct endings {
  int count = 0;
  rpc::status how;

  void note(rpc::status status) {
    ++count;
    how = std::move(status);
  }
};

struct conversation {
  conversation(const asio::any_io_executor& executor, const fault& what)
      : trouble(what),
        nc(executor, settings()),
        service(nc, {.name = "calc", .version = "1.0.0", .accept_after = 0ms}),
        remote(nc, "calc", calling()) {
    service.endpoint<int, int>("same", [this](int n) -> asio::awaitable<int> {
      const running here(*this);
      co_await settle();  // so that it is accepted first
      co_return n;
    });
    service.server_stream<int, int>("count",
                                    [this](int n, rpc::writer<int>& out) -> asio::awaitable<void> {
                                      const running here(*this);
                                      for (int i = 0; i < n; ++i) co_await out.async_write(i);
                                    });
    service.client_stream<int, long>("sum", [this](rpc::reader<int>& in) -> asio::awaitable<long> {
      const running here(*this);
      long sum = 0;
      while (const auto each = co_await in.async_read()) sum += *each;
      co_return sum;
    });
  }

  struct running {
    explicit running(conversation& of) : in(of) { ++in.handlers; }
    running(const running&) = delete;
    running& operator=(const running&) = delete;
    ~running() { --in.handlers; }
    conversation& in;
  };

  [[nodiscard]] bool is_silent() const noexcept {
    return trouble.what == fault::kind::stall || trouble.what == fault::kind::jam;
  }
  client::options settings() {
    client::options set;
    set.servers = "memory";
    // Silence is noticed by the time that passes, and by nothing else.
    if (is_silent()) {
      set.connect_timeout = 2s;
      set.ping_interval = 500ms;
    }
    set.reconnect.at_first = true;
    set.reconnect.first_pause = set.reconnect.longest_pause = 0ms;
    set.open_stream = memory_opener([this](const auto&, const auto& executor) {
      auto link = std::make_shared<memory_link>(executor, first ? fault{} : trouble);
      if (!first) first = link;
      memory_broker::serve(link);
      return link;
    });
    return set;
  }
  static rpc::stub_options calling() {
    rpc::stub_options set;
    set.timeout = patience;
    set.retries.attempts = 1;
    set.look_up = false;
    set.streams.window = {.items = 4, .bytes = 1000};
    return set;
  }

  asio::awaitable<void> call(endings& into) {
    try {
      const auto reply = co_await remote.call<int>("same", 7);
      CHECK(reply == 7);
      into.note({});
    } catch (const rpc::error& why) {
      into.note(why.status());
    }
  }
  asio::awaitable<void> read_stream(endings& into) {
    int next = 0;
    try {
      auto in = remote.server_stream<int>("count", items, {.timeout = patience});
      while (const auto each = co_await in.async_read()) CHECK(*each == next++);
      CHECK(next == items);
      into.note({});
    } catch (const rpc::error& why) {
      into.note(why.status());
    }
  }
  asio::awaitable<void> write_stream(endings& into) {
    try {
      auto sum = remote.client_stream<int, long>("sum", {.timeout = patience});
      for (int i = 0; i < items; ++i) co_await sum.async_write(i);
      const auto total = co_await sum.async_finish();
      CHECK(total == sum_of_items);
      into.note({});
    } catch (const rpc::error& why) {
      into.note(why.status());
    }
  }

  asio::awaitable<void> hold() {
    const auto executor = co_await here();
    const auto [error] = co_await nc.async_connect(as_values);
    CHECK_FALSE(error);
    const auto failed = [](const std::exception_ptr& thrown) { CHECK_FALSE(thrown); };
    asio::co_spawn(executor, call(called), failed);
    asio::co_spawn(executor, read_stream(read), failed);
    asio::co_spawn(executor, write_stream(written), failed);
    co_await wait_until([this] { return called.count + read.count + written.count >= 3; });
    // The next connection, or this one, serves.
    for (endings again; again.count == 0 || !again.how.is_ok();) {
      co_await call(again);
      if (again.how.is_ok()) co_await read_stream(again);
      if (again.how.is_ok()) co_await write_stream(again);
    }
    co_await wait_until([this] { return handlers == 0; });
    nc.close();
    co_await settle();
  }

  fault trouble;
  std::shared_ptr<memory_link> first;
  int handlers = 0;
  endings called, read, written;
  client::connection nc;
  rpc::service service;
  rpc::stub remote;
};

bool is_expected(const rpc::status& how) {
  return how.is_ok() || how.code == code::unavailable || how.code == code::deadline_exceeded;
}

/// Bytes that went each way on the first connection of the last conversation.
struct sizes {
  std::size_t to_client = 0;
  std::size_t to_server = 0;
};

sizes converse(std::span<const fault> faults) {
  asio::io_context context(1);
  std::deque<conversation> all;
  for (const auto& each : faults) all.emplace_back(context.get_executor(), each);
  // Time enough for the slowest machine: where it passes, something hangs.
  run_together(context, all, [](conversation& it) { return it.hold(); }, 10min);
  for (const auto& it : all) {
    CAPTURE(static_cast<int>(it.trouble.what));
    CAPTURE(static_cast<int>(it.trouble.direction));
    CAPTURE(it.trouble.behind);
    for (const auto* const each : {&it.called, &it.read, &it.written}) {
      CAPTURE(to_string(each->how));
      CHECK(each->count == 1);
      CHECK(is_expected(each->how));
      if (it.trouble.what == fault::kind::none) CHECK(each->how.is_ok());
    }
    CHECK(it.handlers == 0);
  }
  return {all.back().first->sent(), all.back().first->written()};
}

// Every byte; sanitizers make it long, so that there it is every seventh.
constexpr std::size_t step = NUNCIO_IS_SANITIZED ? 7 : 1;

void break_everywhere(std::initializer_list<fault::kind> kinds) {
  const auto whole = converse(std::array{fault{}});
  REQUIRE(std::min(whole.to_client, whole.to_server) > 1000);
  std::vector<fault> faults;
  for (const auto what : kinds) {
    for (const auto way : {fault::way::to_client, fault::way::to_server}) {
      const auto size = way == fault::way::to_client ? whole.to_client : whole.to_server;
      for (std::size_t at = 0; at < size; at += step) faults.push_back({what, way, at});
    }
  }
  constexpr std::size_t at_once = 500;
  for (std::size_t i = 0; i < faults.size(); i += at_once) {
    converse(std::span(faults).subspan(i, std::min(at_once, faults.size() - i)));
  }
}

}  // namespace

TEST_CASE("rpc: whatever byte is the last of a connection, calls and streams end once") {
  break_everywhere({fault::kind::cut, fault::kind::reset});
}

TEST_CASE("rpc: whatever byte a connection falls silent at, calls and streams end once") {
  break_everywhere({fault::kind::stall, fault::kind::jam});
}
