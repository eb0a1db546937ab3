#include "net/balancer.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace nuncio::server;
using namespace std::chrono_literals;
using kind = balancer::action;

// Feeds a balancer with a sample every 100 ms and keeps what it says, as text.
class trace {
 public:
  explicit trace(std::size_t shards) : shards_(shards) {}

  // For so long the shards are this busy, have this many connections, and move `rate` bytes a
  // second in all.
  std::string run(std::chrono::milliseconds span,
                  std::vector<unsigned> per_mille,
                  std::vector<std::size_t> connections,
                  std::uint64_t rate) {
    std::string said;
    for (; span.count() > 0; span -= 100ms) {
      now_ += 100ms;
      bytes_ += rate / 10;
      balancer::sample s{now_, bytes_, {}};
      for (std::size_t i = 0; i < shards_; ++i) {
        s.shards.push_back({per_mille[i], per_mille[i] >= 750, connections[i]});
      }
      const auto what = rules.next(s);
      const auto pair = std::to_string(what.from) + ">" + std::to_string(what.to) + " ";
      switch (what.what) {
        case kind::none:
          break;
        case kind::census:
          said += "census " + pair;
          break;
        case kind::split:
          said += "split " + pair;
          return said;  // what comes now depends on it
        case kind::undo:
          said += "undo " + pair;
          break;
        case kind::merge:
          said += "merge " + pair;
          break;
      }
    }
    return said;
  }

  balancer rules;

 private:
  std::size_t shards_;
  balancer::time now_{1000s};
  std::uint64_t bytes_ = 0;
};

}  // namespace

TEST_CASE("balancer: a saturated shard gives half to an idle one, and that stays if it pays") {
  trace t(2);
  CHECK(t.run(1s, {600, 0}, {10, 0}, 1000).empty());
  CHECK(t.run(1s, {990, 0}, {10, 0}, 1000) == "census 0>1 split 0>1 ");
  t.rules.chosen(true);
  CHECK(t.run(20s, {700, 700}, {5, 5}, 1200).empty());
}

TEST_CASE("balancer: a split that doesn't raise the throughput by 15 % is undone, for 10 s") {
  trace t(2);
  CHECK(t.run(1s, {990, 0}, {10, 0}, 1000) == "census 0>1 split 0>1 ");
  t.rules.chosen(true);
  CHECK(t.run(600ms, {700, 600}, {5, 5}, 1100) == "undo 1>0 ");
  CHECK(t.run(9s, {990, 0}, {10, 0}, 1000).empty());
  CHECK(t.run(3s, {990, 0}, {10, 0}, 1000) == "census 0>1 split 0>1 ");
}

TEST_CASE("balancer: a shard whose work is one connection's is left alone for a while") {
  trace t(2);
  CHECK(t.run(1s, {990, 0}, {2, 0}, 1000) == "census 0>1 split 0>1 ");
  t.rules.chosen(false);
  CHECK(t.run(9s, {990, 0}, {2, 0}, 1000).empty());
  CHECK(trace(2).run(3s, {990, 0}, {1, 0}, 1000).empty());
}

TEST_CASE("balancer: a peak that is over before it was counted moves nothing") {
  trace t(2);
  CHECK(t.run(200ms, {990, 0}, {10, 0}, 1000) == "census 0>1 ");
  CHECK(t.run(2s, {500, 0}, {10, 0}, 1000).empty());
}

TEST_CASE("balancer: nothing is given to a shard that is busy itself") {
  CHECK(trace(2).run(3s, {990, 600}, {10, 10}, 1000).empty());
  trace t(3);
  CHECK(t.run(1s, {800, 990, 200}, {10, 10, 3}, 1000) == "census 1>2 split 1>2 ");
}

TEST_CASE("balancer: one move a second at most") {
  trace t(4);
  CHECK(t.run(1s, {990, 980, 0, 0}, {10, 10, 0, 0}, 1000) == "census 0>2 split 0>2 ");
  t.rules.chosen(true);
  // Settled and judged after 0.4 s; the next census begins a second later.
  CHECK(t.run(1300ms, {600, 980, 600, 0}, {5, 10, 5, 0}, 2000).empty());
  CHECK(t.run(1s, {600, 980, 600, 0}, {5, 10, 5, 0}, 2000) == "census 1>3 split 1>3 ");
}

TEST_CASE("balancer: shards that have had little to do for five seconds are merged") {
  trace t(3);
  CHECK(t.run(4900ms, {100, 50, 0}, {4, 4, 0}, 10).empty());
  CHECK(t.run(500ms, {400, 50, 0}, {4, 4, 0}, 10).empty());  // a busy moment: from the start again
  CHECK(t.run(5s, {100, 50, 0}, {4, 4, 0}, 10).empty());
  CHECK(t.run(200ms, {100, 50, 0}, {4, 4, 0}, 10) == "merge 1>0 ");
  CHECK(t.run(20s, {150, 0, 0}, {8, 0, 0}, 10).empty());
}

TEST_CASE("balancer: of several spread shards the two with least to do are merged first") {
  trace t(3);
  CHECK(t.run(5100ms, {280, 100, 90}, {4, 4, 4}, 10) == "merge 2>1 ");
  CHECK(t.run(6s, {100, 150, 0}, {4, 8, 0}, 10) == "merge 1>0 ");
}
