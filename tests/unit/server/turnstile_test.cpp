#include "monitor/turnstile.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

using nuncio::server::monitor::turnstile;

TEST_CASE("turnstile: so many are let in, so many wait in their order, the rest is turned away") {
  turnstile t(2, 3);
  std::vector<int> begun;
  const auto come = [&](int who) { return t.enter([&begun, who] { begun.push_back(who); }); };
  for (int who = 1; who <= 5; ++who) CHECK(come(who));
  CHECK(begun == std::vector{1, 2});
  CHECK_FALSE(come(6));
  t.leave();
  CHECK(begun == std::vector{1, 2, 3});
  CHECK(come(7));
  CHECK_FALSE(come(8));
  for (int i = 0; i < 5; ++i) t.leave();
  CHECK(begun == std::vector{1, 2, 3, 4, 5, 7});
  CHECK(come(9));
  CHECK(come(10));
  CHECK(come(11));
  CHECK(begun == std::vector{1, 2, 3, 4, 5, 7, 9, 10});
}

TEST_CASE("turnstile: who can't begin is out again, and who is done at once, too") {
  turnstile t(1, 9);
  int begun = 0;
  CHECK_THROWS_AS(static_cast<void>(t.enter([] { throw std::runtime_error("no"); })),
                  std::runtime_error);
  CHECK(t.enter([&] { ++begun; }));
  for (int i = 0; i < 9; ++i) {
    CHECK(t.enter([&] {
      ++begun;
      t.leave();
    }));
  }
  CHECK(begun == 1);
  t.leave();
  CHECK(begun == 10);
  CHECK(t.enter([&] { ++begun; }));
  CHECK(begun == 11);
}
