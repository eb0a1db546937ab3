#pragma once

#include "net/node.hpp"
#include "net/shard.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace nuncio::server::monitor {

/// Looks at what shards own, from a thread of its own: a job is posted to each shard, which goes
/// through its connections some at a time, so that messages flow in between, and the answers are
/// waited for.
///
/// Thread: the one that runs `io`. Who stops destroys it before `io`; shards may still have jobs.
class collector {
 public:
  collector(node& of, boost::asio::io_context& io)
      : node_(of), io_(io), door_(std::make_shared<door>(&io)) {}
  collector(const collector&) = delete;
  collector& operator=(const collector&) = delete;
  ~collector() { close(); }

  /// Nothing comes back any more.
  void close() {
    const std::scoped_lock held(door_->lock);
    door_->io = nullptr;
  }

  /// What `visit(const connection&, std::vector<Item>&)` adds for each connection, on the thread
  /// of its shard. One that moves to another shard meanwhile may be left out, or be seen twice.
  template <class Item, class Visit>
  boost::asio::awaitable<std::vector<Item>> from_connections(Visit visit) {
    return gather<Item>([visit = std::move(visit), door = door_](shard& on, auto done) {
      walk<Item, Visit, decltype(done)>::begin(on, door, on.cids(), visit, std::move(done));
    });
  }

  /// Likewise for these only.
  template <class Item, class Visit>
  boost::asio::awaitable<std::vector<Item>> from_connections(std::vector<std::uint64_t> cids,
                                                             Visit visit) {
    return gather<Item>(
        [cids = std::move(cids), visit = std::move(visit), door = door_](shard& on, auto done) {
          walk<Item, Visit, decltype(done)>::begin(on, door, cids, visit, std::move(done));
        });
  }

  /// What `look(shard&, std::vector<Item>&)` adds for each shard, on its thread.
  template <class Item, class Look>
  boost::asio::awaitable<std::vector<Item>> from_shards(Look look) {
    return gather<Item>([look = std::move(look)](shard& on, const auto& done) {
      std::vector<Item> found;
      look(on, found);
      done(std::move(found));
    });
  }

  /// What somebody else finds out: `ask(done)` has done(Item) called once, on any thread, and
  /// however late.
  template <class Item, class Ask>
  boost::asio::awaitable<std::vector<Item>> from_elsewhere(Ask ask) {
    return wait_for<Item>(1, [ask = std::move(ask)](const auto& done) {
      ask([done](Item found) {
        std::vector<Item> all;
        all.push_back(std::move(found));
        done(std::move(all));
      });
    });
  }

 private:
  static constexpr std::size_t at_a_time = 64;

  struct door {
    explicit door(boost::asio::io_context* to) : io(to) {}
    std::mutex lock;
    boost::asio::io_context* io;  // null: closed

    template <class Work>
    void post(Work work) {
      const std::scoped_lock held(lock);
      if (io != nullptr) boost::asio::post(*io, std::move(work));
    }
    [[nodiscard]] bool is_closed() {
      const std::scoped_lock held(lock);
      return io == nullptr;
    }
  };

  // Of a shard's connections, what has been visited and what is left.
  template <class Item, class Visit, class Done>
  struct walk {
    walk(shard& which,
         std::shared_ptr<door> to,
         std::vector<std::uint64_t> all,
         Visit visitor,
         Done then)
        : on(which),
          way_back(std::move(to)),
          cids(std::move(all)),
          visit(std::move(visitor)),
          done(std::move(then)) {}

    static void begin(shard& which,
                      std::shared_ptr<door> to,
                      std::vector<std::uint64_t> all,
                      const Visit& visitor,
                      Done then) {
      step(std::make_shared<walk>(which, std::move(to), std::move(all), visitor, std::move(then)));
    }
    static void step(std::shared_ptr<walk> self) {
      // Whoever stops waits for few handlers of a shard on a loop of the user's.
      if (self->way_back->is_closed()) return;
      const auto end = std::min(self->at + at_a_time, self->cids.size());
      for (; self->at < end; ++self->at) {
        self->on.with_connection(self->cids[self->at],
                                 [&](const connection& c) { self->visit(c, self->found); });
      }
      if (self->at == self->cids.size()) return self->done(std::move(self->found));
      shard& on = self->on;
      on.post([self = std::move(self)]() mutable { step(std::move(self)); });
    }

    shard& on;
    std::shared_ptr<door> way_back;
    std::vector<std::uint64_t> cids;
    Visit visit;
    Done done;
    std::size_t at = 0;
    std::vector<Item> found;
  };

  // Runs begin(shard&, done) on each shard, which calls done(std::vector<Item>) there.
  template <class Item, class Begin>
  boost::asio::awaitable<std::vector<Item>> gather(Begin begin) {
    return wait_for<Item>(node_.shards.size(), [this, begin = std::move(begin)](const auto& done) {
      for (const auto& each : node_.shards) {
        each->post([&on = *each, begin, done, door = door_] {
          if (!door->is_closed()) begin(on, done);
        });
      }
    });
  }

  // Waits until what start(done) begins has called done(std::vector<Item>) so many times; any
  // thread.
  template <class Item, class Start>
  boost::asio::awaitable<std::vector<Item>> wait_for(std::size_t parts, Start start) {
    struct waiting {
      explicit waiting(boost::asio::io_context& io)
          : timer(io, boost::asio::steady_timer::time_point::max()) {}
      boost::asio::steady_timer timer;
      std::vector<Item> all;
      std::size_t left = 0;
    };
    // What is begun may outlive this loop, so it doesn't hold what belongs to that.
    const auto state = std::make_shared<waiting>(io_);
    state->left = parts;
    start([door = door_, asked = std::weak_ptr(state)](std::vector<Item> found) {
      door->post([asked, found = std::move(found)]() mutable {
        const auto to = asked.lock();
        if (to == nullptr) return;
        std::move(found.begin(), found.end(), std::back_inserter(to->all));
        if (--to->left == 0) to->timer.cancel();
      });
    });
    while (state->left != 0) {
      const auto until_cancelled = boost::asio::as_tuple(boost::asio::use_awaitable);
      co_await state->timer.async_wait(until_cancelled);
    }
    co_return std::move(state->all);
  }

  node& node_;
  boost::asio::io_context& io_;
  const std::shared_ptr<door> door_;
};

}  // namespace nuncio::server::monitor
