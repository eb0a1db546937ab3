#pragma once

#include "core/router.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nuncio::bench {

struct plain_receiver : server::receiver {
  using receiver::receiver;
};

/// One shard's view of an index and one account; frees its subscriptions at the end.
struct world {
  server::epochs all{1, [](unsigned) {}};
  server::epoch_member epoch{all, 0};
  server::sublist index{7};
  server::account who{1, "one", 7};
  plain_receiver owner{1};
  std::vector<server::subscription*> made;

  world() { epoch.enter(); }
  ~world() {
    for (auto* const sub : made) epoch.retire(sub, server::subscription::destroy);
  }
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  void subscribe(std::string_view subject, std::string_view queue = {}) {
    made.push_back(server::subscription::create(owner, who.id, subject, queue, "1"));
    index.insert(who, made.back(), epoch);
  }
};

/// The shape of subjects that the macro-benchmark's `subs` case uses.
inline std::string device_subject(std::size_t i) {
  return "dev." + std::to_string(i % 1000) + ".temp." + std::to_string(1'000'000 + i);
}

}  // namespace nuncio::bench
