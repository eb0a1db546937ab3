#include "net/auxiliary.hpp"

#include <doctest/doctest.h>

#include <future>
#include <thread>
#include <vector>

using nuncio::server::auxiliary;

TEST_CASE("auxiliary: jobs run in their order, on one thread that isn't the caller's") {
  auxiliary aside(10);
  std::vector<int> order;
  std::promise<std::thread::id> done;
  CHECK(aside.post([&] { order.push_back(1); }));
  CHECK(aside.post([&] { order.push_back(2); }));
  CHECK(aside.post([&] { done.set_value(std::this_thread::get_id()); }));
  CHECK(done.get_future().get() != std::this_thread::get_id());
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("auxiliary: what is too much is refused and counted, and doesn't run") {
  auxiliary aside(2);
  std::promise<void> begun;
  std::promise<void> go_on;
  int ran = 0;
  CHECK(aside.post([&] {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();  // one runs, and none waits
  CHECK(aside.is_busy());
  CHECK(aside.post([&] { ++ran; }));
  CHECK(aside.post([&] { ++ran; }));
  CHECK_FALSE(aside.post([&] { ran += 100; }));
  CHECK(aside.refused() == 1);
  std::promise<void> done;
  go_on.set_value();
  while (!aside.post([&] { done.set_value(); })) std::this_thread::yield();
  done.get_future().wait();
  CHECK(ran == 2);
}

TEST_CASE("auxiliary: without work it isn't busy") {
  auxiliary aside(10);
  CHECK_FALSE(aside.is_busy());
  CHECK(aside.post([] {}));
  while (aside.is_busy()) std::this_thread::yield();
}

TEST_CASE("auxiliary: stopping waits for the job that runs and drops the others") {
  auxiliary aside(10);
  std::promise<void> begun;
  bool has_ended = false;
  bool was_dropped = true;
  CHECK(aside.post([&] {
    begun.set_value();
    std::this_thread::yield();
    has_ended = true;
  }));
  begun.get_future().wait();
  aside.stop();
  CHECK(has_ended);
  CHECK_FALSE(aside.post([&] { was_dropped = false; }));
  CHECK(was_dropped);
  aside.stop();  // once more does nothing
}
