#pragma once

#include "memory_stream.hpp"
#include "net/shard.hpp"

#include <boost/asio/post.hpp>
#include <doctest/doctest.h>

#include <future>
#include <string>
#include <string_view>
#include <utility>

namespace nuncio::test {

/// Shards without a listener; connections come from the test's memory.
struct shard_world {
  explicit shard_world(unsigned shards, server::options settings = {})
      : shared(with_shards(std::move(settings), shards), log, 5) {
    for (const auto& s : shared.shards) s->start();
  }
  shard_world(const shard_world&) = delete;
  shard_world& operator=(const shard_world&) = delete;
  ~shard_world() {
    for (const auto& s : shared.shards) s->request_stop();
    for (const auto& s : shared.shards) s->join();
  }
  static server::options with_shards(server::options settings, unsigned shards) {
    settings.shards = shards;
    return settings;
  }

  void adopt(memory_peer& peer, unsigned shard) {
    shared.connections.fetch_add(1);
    auto& home = *shared.shards[shard];
    home.adopt(peer.make_stream(home.io()), {});
  }
  /// A client that has said CONNECT and subscribed.
  void greet(memory_peer& peer, unsigned shard, std::string_view subscriptions = {}) {
    adopt(peer, shard);
    peer.send(std::string("CONNECT {\"verbose\":false,\"headers\":true}\r\n")
                  .append(subscriptions)
                  .append("PING\r\n"));
    REQUIRE(!peer.read_until("PONG\r\n").empty());
  }
  /// Runs on the shard's thread, as a handler does.
  template <class Work>
  void on_shard(unsigned index, Work work) {
    std::promise<void> done;
    auto& s = *shared.shards[index];
    boost::asio::post(s.io(), [&] {
      s.enter();
      work(s);
      s.end_batch();
      done.set_value();
    });
    done.get_future().wait();
  }

  server::silent_log log;
  server::node shared;
};

}  // namespace nuncio::test
