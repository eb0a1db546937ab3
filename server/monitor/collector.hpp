#pragma once

#include "net/node.hpp"
#include "net/shard.hpp"

#include <nuncio/server/role.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace nuncio::server::monitor {

/// Looks at what shards own, from a thread of its own: a job is posted to each shard, which goes
/// through its connections and their subscriptions some at a time, so that messages flow in
/// between, and the answers are waited for.
///
/// A connection that is there all the time is seen once, though it may move from shard to shard
/// meanwhile: those that nobody has seen to the end are asked for again.
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

  /// What `visit(const connection&, std::vector<Item>&)` adds for each connection, one item or
  /// none, on the thread of its shard.
  template <class Item, class Visit>
  boost::asio::awaitable<std::vector<Item>> from_connections(Visit visit) {
    return from_all<Item>(at_once<Item, Visit>{std::move(visit)});
  }

  /// Likewise for these only.
  template <class Item, class Visit>
  boost::asio::awaitable<std::vector<Item>> from_connections(std::vector<std::uint64_t> cids,
                                                             Visit visit) {
    return from_these<Item>(std::move(cids), at_once<Item, Visit>{std::move(visit)}, {});
  }

  /// What `begin(const connection&)` makes for each connection, which may be nothing, after
  /// `add(const subscription&, Item&)` was called for its subscriptions until it said false, which
  /// is that it has enough; on the thread of its shard. Subscriptions may come and go meanwhile.
  template <class Item, class Begin, class Add>
  boost::asio::awaitable<std::vector<Item>> from_subscriptions(Begin begin, Add add) {
    return from_all<Item>(step_by_step<Item, Begin, Add>{std::move(begin), std::move(add)});
  }

  /// Likewise for these only.
  template <class Item, class Begin, class Add>
  boost::asio::awaitable<std::vector<Item>> from_subscriptions(std::vector<std::uint64_t> cids,
                                                               Begin begin,
                                                               Add add) {
    return from_these<Item>(std::move(cids),
                            step_by_step<Item, Begin, Add>{std::move(begin), std::move(add)}, {});
  }

  /// Likewise, `begin` and what is added to it, for a role that belongs to the first shard.
  template <class Item, class Add>
  boost::asio::awaitable<std::vector<Item>> from_role(const role& of, Item begin, Add add) {
    return gather<Item>([&of, begin = std::move(begin), add = std::move(add), door = door_](
                            shard& on, auto report) {
      if (on.index() != 0) return report({}, true);
      walk_role(on, door, of, std::make_shared<role_walk<Item>>(role_walk<Item>{begin, {}}), add,
                std::move(report));
    });
  }

  /// What `look(shard&, std::vector<Item>&)` adds for each shard, on its thread.
  template <class Item, class Look>
  boost::asio::awaitable<std::vector<Item>> from_shards(Look look) {
    return gather<Item>([look = std::move(look)](shard& on, const auto& report) {
      std::vector<Item> found;
      look(on, found);
      report(std::move(found), true);
    });
  }

  /// What somebody else finds out: `ask(done)` has done(Item) called once, on any thread, and
  /// however late.
  template <class Item, class Ask>
  boost::asio::awaitable<std::vector<Item>> from_elsewhere(Ask ask) {
    return wait_for<Item>(1, [ask = std::move(ask)](const auto& report) {
      ask([report](Item found) {
        std::vector<Item> all;
        all.push_back(std::move(found));
        report(std::move(all), true);
      });
    });
  }

 private:
  // What a handler does at the most: subscriptions, or connections, which cost as much as several.
  static constexpr std::size_t most_at_a_time = 512;
  static constexpr std::size_t cost_of_connection = 8;
  // Connections that a shard keeps what was found of: nothing large is to be moved about there.
  static constexpr std::size_t most_kept = 1024;
  // A connection would have to move each time just when it is asked for.
  static constexpr int most_rounds = 4;

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

  // What has been found, and at which connections.
  template <class Item>
  struct findings {
    static_assert(std::is_nothrow_move_constructible_v<Item>, "a vector would copy all it has");
    std::vector<Item> items;
    std::vector<std::uint64_t> whose;  // each item is
    std::vector<std::uint64_t> seen;   // to the end, in the order of the items
  };

  // All of it, each connection once.
  template <class Item>
  struct union_of {
    std::vector<Item> items;
    boost::unordered_flat_set<std::uint64_t> seen;

    void add(std::vector<findings<Item>> more) {
      for (auto& part : more) {
        std::size_t at = 0;
        for (const auto cid : part.seen) {
          const bool is_new = seen.insert(cid).second;
          for (; at < part.whose.size() && part.whose[at] == cid; ++at) {
            if (is_new) items.push_back(std::move(part.items[at]));
          }
        }
      }
    }
  };

  // How a walk looks at a connection: true once it has seen all of it. Takes what it has done off
  // what is left of the handler.
  template <class Item, class Visit>
  struct at_once {
    Visit visit;

    bool operator()(const connection& c,
                    std::vector<Item>& to,
                    subscription_walk&,
                    std::size_t&) const {
      visit(c, to);
      return true;
    }
  };
  template <class Item, class Begin, class Add>
  struct step_by_step {
    Begin begin;
    Add add;

    bool operator()(const connection& c,
                    std::vector<Item>& to,
                    subscription_walk& from,
                    std::size_t& left) const {
      if (from.parts == 0) {
        std::optional<Item> made = begin(c);
        if (!made) return true;
        to.push_back(std::move(*made));
      }
      bool is_enough = false;
      std::size_t done = 0;
      const bool is_more =
          c.meaning().some_subscriptions(from, left, [&](const subscription& each) {
            ++done;
            is_enough = is_enough || !add(each, to.back());
          });
      left -= std::min(left, done);
      return is_enough || !is_more;
    }
  };

  // Of a shard's connections, what has been visited and what is left.
  template <class Item, class Look, class Report>
  struct walk {
    walk(shard& which,
         std::shared_ptr<door> to,
         std::vector<std::uint64_t> all,
         Look looking,
         Report reporting)
        : on(which),
          way_back(std::move(to)),
          cids(std::move(all)),
          look(std::move(looking)),
          report(std::move(reporting)) {}

    static void begin(shard& which,
                      std::shared_ptr<door> to,
                      std::vector<std::uint64_t> all,
                      const Look& looking,
                      Report reporting) {
      step(std::make_shared<walk>(which, std::move(to), std::move(all), looking,
                                  std::move(reporting)));
    }
    static void step(std::shared_ptr<walk> self) {
      // Whoever stops waits for few handlers of a shard on a loop of the user's.
      if (self->way_back->is_closed()) return;
      for (auto left = most_at_a_time; left > 0 && self->at < self->cids.size();) {
        left -= std::min(left, cost_of_connection);
        if (!self->look_at(self->cids[self->at], left)) break;
        ++self->at;
      }
      const bool is_over = self->at == self->cids.size();
      if (is_over || self->found.seen.size() >= most_kept) self->hand_in(is_over);
      if (is_over) return;
      shard& on = self->on;
      on.post([self = std::move(self)]() mutable { step(std::move(self)); });
    }

    // False if there is more of it.
    bool look_at(std::uint64_t cid, std::size_t& left) {
      bool is_there = false;
      bool is_over = true;
      on.with_connection(cid, [&](const connection& c) {
        is_there = true;
        is_over = look(c, found.items, from, left);
      });
      if (!is_over) return false;
      if (is_there) {
        found.whose.resize(found.items.size(), cid);
        found.seen.push_back(cid);
      } else {
        // It has moved on in the middle of it, or ended.
        found.items.erase(found.items.begin() + static_cast<std::ptrdiff_t>(found.whose.size()),
                          found.items.end());
      }
      from = {};
      return true;
    }
    // Between two connections, or it would lose what was found of half of one.
    void hand_in(bool is_last) {
      if (!is_last && found.items.size() != found.whose.size()) return;
      std::vector<findings<Item>> part;
      part.push_back(std::exchange(found, {}));
      report(std::move(part), is_last);
    }

    shard& on;
    std::shared_ptr<door> way_back;
    std::vector<std::uint64_t> cids;
    Look look;
    Report report;
    std::size_t at = 0;
    subscription_walk from;  // of the connection there
    findings<Item> found;
  };

  template <class Item>
  struct role_walk {
    Item item;
    subscription_walk from;
  };
  template <class Item, class Add, class Report>
  static void walk_role(shard& on,
                        std::shared_ptr<door> way_back,
                        const role& of,
                        std::shared_ptr<role_walk<Item>> at,
                        Add add,
                        Report report) {
    if (way_back->is_closed()) return;
    bool is_enough = false;
    const bool is_more = of.some_subscriptions(
        at->from, most_at_a_time,
        [&](const subscription& each) { is_enough = is_enough || !add(each, at->item); });
    if (is_enough || !is_more) {
      std::vector<Item> all;
      all.push_back(std::move(at->item));
      return report(std::move(all), true);
    }
    on.post([&on, way_back = std::move(way_back), &of, at = std::move(at), add = std::move(add),
             report = std::move(report)]() mutable {
      walk_role(on, std::move(way_back), of, std::move(at), std::move(add), std::move(report));
    });
  }

  template <class Item, class Look>
  boost::asio::awaitable<std::vector<Item>> from_all(Look look) {
    auto walks = gather<findings<Item>>([look, door = door_](shard& on, auto report) {
      walk<Item, Look, decltype(report)>::begin(on, door, on.cids(), look, std::move(report));
    });
    auto found = co_await std::move(walks);
    union_of<Item> all;
    all.add(std::move(found));
    if (node_.shards.size() == 1) co_return std::move(all.items);
    // Some may have gone to a shard that had already made its list, from one that hadn't yet.
    auto lists = from_shards<std::uint64_t>(
        [](shard& on, std::vector<std::uint64_t>& to) { to = on.cids(); });
    auto missing = co_await std::move(lists);
    std::erase_if(missing, [&all](std::uint64_t cid) { return all.seen.contains(cid); });
    auto rest = from_these<Item>(std::move(missing), std::move(look), std::move(all));
    co_return co_await std::move(rest);
  }

  // Besides what is known already.
  template <class Item, class Look>
  boost::asio::awaitable<std::vector<Item>> from_these(std::vector<std::uint64_t> cids,
                                                       Look look,
                                                       union_of<Item> all) {
    // Nobody sees those that have ended, or are on their way to another shard: there they are next
    // time.
    const int rounds = node_.shards.size() == 1 ? 1 : most_rounds;
    for (int round = 0; round < rounds && !cids.empty(); ++round) {
      auto walks = gather<findings<Item>>([cids, look, door = door_](shard& on, auto report) {
        walk<Item, Look, decltype(report)>::begin(on, door, cids, look, std::move(report));
      });
      auto found = co_await std::move(walks);
      all.add(std::move(found));
      std::erase_if(cids, [&all](std::uint64_t cid) { return all.seen.contains(cid); });
    }
    co_return std::move(all.items);
  }

  // Runs begin(shard&, report) on each shard, which calls report(std::vector<Item>, is_last) there
  // until it says that this is the last.
  template <class Item, class Begin>
  boost::asio::awaitable<std::vector<Item>> gather(Begin begin) {
    return wait_for<Item>(node_.shards.size(),
                          [this, begin = std::move(begin)](const auto& report) {
                            for (const auto& each : node_.shards) {
                              each->post([&on = *each, begin, report, door = door_] {
                                if (!door->is_closed()) begin(on, report);
                              });
                            }
                          });
  }

  // Waits until what start(report) begins has called report(std::vector<Item>, is_last) with the
  // last so many times; any thread.
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
    start([door = door_, asked = std::weak_ptr(state)](std::vector<Item> found, bool is_last) {
      door->post([asked, found = std::move(found), is_last]() mutable {
        const auto to = asked.lock();
        if (to == nullptr) return;
        std::move(found.begin(), found.end(), std::back_inserter(to->all));
        if (is_last && --to->left == 0) to->timer.cancel();
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
