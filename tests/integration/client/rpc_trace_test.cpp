// Traces that go through services.
#include "rpc_world.hpp"

#include <string>

namespace {

using namespace nuncio::test;
namespace rpc = nuncio::rpc;

/// A service whose `outer` calls its own `inner`; each keeps what it is told of its trace.
struct traced_service {
  explicit traced_service(world& w) : stub(w.serving, "calc"), service(w.serving, calc()) {
    service.endpoint<int, int>("outer", [this](int n, rpc::context& about) {
      outer = about.trace();
      return call_inner(n, about);
    });
    service.endpoint<int, int>("inner", [this](int n, rpc::context& about) {
      inner = about.trace();
      return n;
    });
  }
  asio::awaitable<int> call_inner(int n, rpc::context& about) {
    co_return co_await stub.call<int>("inner", n, {.parent = &about});
  }

  rpc::stub stub;
  rpc::trace_context outer;
  rpc::trace_context inner;
  rpc::service service;
};

}  // namespace

TEST_CASE("rpc: a nested call goes on with the trace, as a span of its own") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    traced_service it(w);
    co_await w.ready();
    rpc::metadata headers;
    headers.add("TraceParent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    headers.add("Tracestate", "rojo=1");
    headers.add("Baggage", "user=ada");
    co_await w.remote.call<int>("outer", 1, {.headers = &headers});
    REQUIRE(it.outer.parent.has_value());
    REQUIRE(it.inner.parent.has_value());
    CHECK(rpc::to_traceparent(*it.outer.parent) ==
          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    CHECK(it.inner.parent->trace_id == it.outer.parent->trace_id);
    CHECK(it.inner.parent->span_id != it.outer.parent->span_id);
    CHECK(it.inner.parent->is_sampled());
    CHECK(it.inner.state == "rojo=1");
    CHECK(it.inner.baggage == "user=ada");
  });
}

TEST_CASE("rpc: without a trace there is none, unless the stub begins them") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    traced_service it(w);
    co_await w.ready();
    co_await w.remote.call<int>("outer", 1);
    CHECK(it.outer.empty());
    CHECK(it.inner.empty());
    for (const auto how : {rpc::new_traces::unsampled, rpc::new_traces::sampled}) {
      rpc::stub_options set;
      set.new_traces = how;
      rpc::stub remote(w.calling, "calc", set);
      co_await remote.call<int>("outer", 1);
      REQUIRE(it.inner.parent.has_value());
      const auto first = *it.inner.parent;
      CHECK(first.trace_id == it.outer.parent->trace_id);
      CHECK(first.is_sampled() == (how == rpc::new_traces::sampled));
      co_await remote.call<int>("outer", 1);
      CHECK(it.inner.parent->trace_id != first.trace_id);

      // What the user says himself is left alone.
      rpc::metadata headers;
      headers.add("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
      co_await remote.call<int>("inner", 1, {.headers = &headers});
      CHECK(it.inner.parent->span_id[7] == 0xb7);
    }
  });
}
