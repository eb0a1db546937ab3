// Drives publishers and receivers through warm-up and measurement.
#pragma once

#include "event_loop.hpp"
#include "options.hpp"
#include "publisher.hpp"
#include "result.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace nuncio::bench {

class workload {
 public:
  workload(event_loop& loop, const options& o) : loop_(loop), options_(o), measured_(o.pid) {}

  // Messages delivered so far, and how many must be once all that is published has arrived.
  // Without them what is published counts, and the server's PONG tells that it is done.
  void count_deliveries(std::function<std::uint64_t()> delivered,
                        std::function<std::uint64_t()> expected);
  // A relay doesn't answer PINGs.
  void expect_no_answers() { answers_ = false; }

  publisher& add_publisher(connection to, batch_ring ring);
  std::vector<std::unique_ptr<publisher>>& publishers() { return publishers_; }

  // The usual run: warm-up, everything delivered, measurement, everything delivered. Returns how
  // many messages were measured.
  std::uint64_t run(double seconds, result& into);

  // The parts of it.
  void warm_up();
  void publish_for(nanoseconds duration);
  void drain();
  void step(nanoseconds timeout);
  std::uint64_t delivered() const { return delivered_(); }
  std::uint64_t published() const;
  measurement& measured() { return measured_; }

 private:
  bool is_drained() const;

  event_loop& loop_;
  const options& options_;
  measurement measured_;
  std::vector<std::unique_ptr<publisher>> publishers_;
  std::function<std::uint64_t()> delivered_ = [this] { return published(); };
  std::function<std::uint64_t()> expected_ = [this] { return published(); };
  bool answers_ = true;
};

}  // namespace nuncio::bench
