#include "core/epochs.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace {

using namespace nuncio::server;

struct counted {
  explicit counted(int& to) : alive(to) { ++alive; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { --alive; }
  int& alive;
};

void free_counted(void* thing) {
  delete static_cast<counted*>(thing);
}

}  // namespace

TEST_CASE("epochs: what is retired outlives every handler that was running, and no longer") {
  epochs all(3, [](unsigned) {});
  epoch_member writer(all, 0);
  epoch_member reader(all, 1);
  const epoch_member asleep(all, 2);
  int alive = 0;
  reader.enter();
  writer.enter();
  writer.retire(new counted(alive), free_counted);
  writer.leave();
  CHECK(alive == 1);
  writer.enter();
  writer.leave();
  CHECK(alive == 1);
  SUBCASE("it leaves") {
    reader.leave();
  }
  SUBCASE("its next handler begins") {
    reader.enter();
  }
  CHECK(alive == 1);  // only who retired it frees it
  writer.leave();
  CHECK(alive == 0);
}

TEST_CASE("epochs: whoever enters after the unlinking delays nothing") {
  epochs all(2, [](unsigned) {});
  epoch_member writer(all, 0);
  epoch_member reader(all, 1);
  writer.enter();
  const auto tag = writer.seal();
  CHECK(writer.passed(tag));
  reader.enter();
  CHECK(writer.passed(tag));
  const auto later = writer.seal();
  CHECK_FALSE(writer.passed(later));
  CHECK(writer.passed(tag));
  reader.enter();
  CHECK(writer.passed(later));
}

TEST_CASE("epochs: a member is never in its own way") {
  epochs all(1, [](unsigned) {});
  epoch_member alone(all, 0);
  alone.enter();
  CHECK(alone.passed(alone.seal()));
}

TEST_CASE("epochs: a waiter is woken by who leaves or begins anew, and never called at once") {
  std::vector<unsigned> woken;
  epochs all(2, [&woken](unsigned i) { woken.push_back(i); });
  epoch_member waiter(all, 0);
  epoch_member reader(all, 1);
  int called = 0;
  waiter.enter();

  SUBCASE("it may have nothing to wait for") {
    waiter.when_passed(waiter.seal(), [&called] { ++called; });
    CHECK(called == 0);
    CHECK(woken == std::vector<unsigned>{0});
  }
  SUBCASE("the other leaves") {
    reader.enter();
    waiter.when_passed(waiter.seal(), [&called] { ++called; });
    CHECK(woken.empty());
    reader.leave();
    CHECK(woken == std::vector<unsigned>{0});
  }
  SUBCASE("the other's next handler begins") {
    reader.enter();
    waiter.when_passed(waiter.seal(), [&called] { ++called; });
    waiter.check_waiters();
    CHECK(called == 0);
    reader.enter();
    CHECK(woken == std::vector<unsigned>{0});
  }
  waiter.check_waiters();
  CHECK(called == 1);
  waiter.check_waiters();
  CHECK(called == 1);
  // Nobody waits any more: nobody is woken.
  woken.clear();
  reader.leave();
  CHECK(woken.empty());
}

TEST_CASE("epochs: waiters are called when their own tag has passed, also one made by another") {
  epochs all(2, [](unsigned) {});
  epoch_member waiter(all, 0);
  epoch_member reader(all, 1);
  std::vector<int> called;
  waiter.enter();
  reader.enter();
  waiter.when_passed(waiter.seal(), [&] {
    called.push_back(1);
    waiter.when_passed(waiter.seal(), [&called] { called.push_back(3); });
  });
  reader.enter();
  waiter.when_passed(waiter.seal(), [&called] { called.push_back(2); });
  waiter.check_waiters();
  CHECK(called == std::vector<int>{1});
  reader.leave();
  waiter.check_waiters();
  CHECK(called == std::vector<int>{1, 2, 3});
}

TEST_CASE("epochs: a member that is destroyed frees what it still holds") {
  epochs all(2, [](unsigned) {});
  int alive = 0;
  {
    epoch_member member(all, 0);
    member.retire(new counted(alive), free_counted);
    member.seal();
    member.retire(new counted(alive), free_counted);
    CHECK(member.backlog() == 2);
  }
  CHECK(alive == 0);
}

TEST_CASE("epochs: batches are freed in order, as far as they have passed") {
  epochs all(2, [](unsigned) {});
  epoch_member writer(all, 0);
  epoch_member reader(all, 1);
  int alive = 0;
  writer.enter();
  writer.retire(new counted(alive), free_counted);
  writer.reclaim();  // nobody else is there
  CHECK(alive == 0);
  writer.retire(new counted(alive), free_counted);
  writer.seal();
  reader.enter();  // after the first, before the second
  writer.retire(new counted(alive), free_counted);
  writer.reclaim();
  CHECK(alive == 1);
  reader.leave();
  writer.reclaim();
  CHECK(alive == 0);
  CHECK(writer.backlog() == 0);
}
