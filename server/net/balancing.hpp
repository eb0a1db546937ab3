#pragma once

#include "balancer.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <random>
#include <vector>

namespace nuncio::server {

struct node;

/// Carries out what the balancer decides, from the first shard's thread. Its timer runs only while
/// there may be something to decide. For tests it can move connections at random instead.
class balancing {
 public:
  explicit balancing(node& owner);
  balancing(const balancing&) = delete;
  balancing& operator=(const balancing&) = delete;
  ~balancing() = default;

  /// Any shard's thread: a shard is busy, or connections are spread.
  void wake();
  /// Any thread; afterwards nothing begins any more.
  void stop();

 private:
  void wait();
  void look();
  void shuffle();
  [[nodiscard]] balancer::sample take_sample() const;
  void carry_out(const balancer::action& what);

  node& node_;
  boost::asio::steady_timer timer_;
  std::atomic<bool> running_{false};
  bool stopped_ = false;
  balancer rules_;
  std::vector<std::uint64_t> moved_;  // by the last split
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace nuncio::server
