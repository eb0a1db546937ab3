#include "core/account.hpp"
#include "core/epochs.hpp"
#include "core/receiver.hpp"
#include "core/router.hpp"
#include "core/sublist.hpp"
#include "seed.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

// The same rules on the real classes and real threads; what the models' steps can't show, the
// sanitizers and the machine may.
namespace {

using namespace nuncio::server;

struct plain_receiver : receiver {
  using receiver::receiver;
};

// A shard's mailbox.
class mailbox {
 public:
  void post() {
    {
      const std::scoped_lock held(lock_);
      ++mail_;
    }
    arrived_.notify_one();
  }
  // False if nothing comes for half a minute.
  bool wait() {
    std::unique_lock held(lock_);
    if (!arrived_.wait_for(held, std::chrono::seconds(30), [this] { return mail_ > 0; })) {
      return false;
    }
    mail_ = 0;
    return true;
  }

 private:
  std::mutex lock_;
  std::condition_variable arrived_;
  int mail_ = 0;
};

struct number {
  static constexpr std::uint64_t sound = 0x5ca1ab1e;
  std::uint64_t state = sound;
  ~number() { state = 0; }
};

}  // namespace

TEST_CASE("epochs on threads: readers find only what is not freed, and each waiter is woken") {
  constexpr unsigned readers = 3;
  std::vector<mailbox> mail(readers + 1);
  epochs all(readers + 1, [&mail](unsigned i) { mail[i].post(); });
  epoch_member writer(all, readers);
  std::atomic<number*> shared{new number};
  std::atomic<bool> stop{false};
  std::atomic<int> unsound{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < readers; ++i) {
    threads.emplace_back([&, i] {
      epoch_member self(all, i);
      std::mt19937 random(i);
      while (!stop) {
        self.enter();
        const auto* const found = shared.load(std::memory_order_acquire);
        if (found->state != number::sound) ++unsound;
        if (random() % 4 == 0) self.leave();
      }
      self.leave();
    });
  }
  int asleep = 0;
  for (int round = 0; round < 15'000 && asleep == 0; ++round) {
    writer.enter();
    writer.retire(shared.exchange(new number, std::memory_order_acq_rel));
    bool over = false;
    writer.when_passed(writer.seal(), [&over] { over = true; });
    while (!over && asleep == 0) {
      writer.leave();
      if (!mail[readers].wait()) ++asleep;
      writer.enter();
      writer.check_waiters();
    }
    writer.leave();
  }
  stop = true;
  for (auto& t : threads) t.join();
  CHECK(asleep == 0);
  CHECK(unsound == 0);
  writer.enter();
  writer.leave();
  CHECK(writer.backlog() == 0);
  delete shared.load();
}

// The client that broke a single reading: it subscribes to `foo`, then drops `>`, and the other way
// around, and must be in every plan; meanwhile strangers come and go around it.
TEST_CASE("router on threads: who is subscribed throughout is in every plan") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  epochs all(4, [](unsigned) {});
  sublist index(seed);
  account who(1, "one", seed);
  plain_receiver client(1);
  plain_receiver stranger(2);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> missed{0};
  std::atomic<std::uint64_t> stale{0};
  std::atomic<bool> subscribed{false};
  // They outlive all threads: the end of a member frees what others may still be reading.
  std::array<epoch_member, 4> members{{{all, 0}, {all, 1}, {all, 2}, {all, 3}}};
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < 3; ++i) {
    threads.emplace_back([&, i] {
      epoch_member& self = members[i];
      plan to;
      std::uint64_t known = 0;
      const auto key = index.key_of(who, "foo");
      while (!subscribed) std::this_thread::yield();
      while (!stop) {
        self.enter();
        if (to.empty() || known != index.stamp(key.place)) {
          known = make_plan(index, who, "foo", key, to);
        }
        std::size_t mine = 0;
        for (const auto& t : to.plain) mine += t.sub->owner == &client ? 1U : 0U;
        if (mine == 0) ++missed;
        if (mine > 2) ++stale;
        to.clear();
        self.leave();
      }
    });
  }
  threads.emplace_back([&] {
    epoch_member& self = members[3];
    std::mt19937_64 random(seed);
    std::vector<subscription*> mine;
    const char* const patterns[] = {"foo", "*", ">", "foo.bar", "foo.*", "f.>"};
    while (!stop) {
      self.enter();
      if (mine.size() < 50 && random() % 2 == 0) {
        mine.push_back(subscription::create(stranger, 1, patterns[random() % 6], "", "1"));
        index.insert(who, mine.back(), self);
      } else if (!mine.empty()) {
        const auto at = random() % mine.size();
        index.remove(who, mine[at], self);
        self.retire(mine[at], subscription::destroy);
        mine[at] = mine.back();
        mine.pop_back();
      }
      self.leave();
    }
    for (auto* const sub : mine) {
      self.enter();
      index.remove(who, sub, self);
      self.retire(sub, subscription::destroy);
    }
    self.leave();
  });
  epoch_member& self = members[0];
  self.enter();
  auto* now = subscription::create(client, 1, ">", "", "1");
  index.insert(who, now, self);
  subscribed = true;
  for (int round = 0; round < 30'000; ++round) {
    self.enter();
    auto* const next = subscription::create(client, 1, round % 2 == 0 ? "foo" : ">", "", "1");
    index.insert(who, next, self);
    index.remove(who, now, self);
    self.retire(now, subscription::destroy);
    now = next;
    self.leave();
  }
  stop = true;
  for (auto& t : threads) t.join();
  CHECK(missed == 0);
  CHECK(stale == 0);
  self.enter();
  index.remove(who, now, self);
  self.retire(now, subscription::destroy);
  self.leave();
}
