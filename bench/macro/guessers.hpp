// Logins with a wrong password, at a given rate: each a new connection that says it and waits to be
// turned away.
#pragma once

#include "endpoint.hpp"
#include "event_loop.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace nuncio::bench {

class guessers {
 public:
  guessers(event_loop& loop, const endpoint& server, double rate);
  ~guessers();

  void start(nanoseconds now) { started_at_ = now; }
  // Opens those that are due, as far as there may be so many at once.
  void work(nanoseconds now);

  std::uint64_t begun() const { return begun_; }
  // Told that the password is wrong; others are cut off without a look at it.
  std::uint64_t judged() const { return judged_; }

 private:
  class guesser;
  static constexpr std::size_t most_at_once = 256;

  event_loop& loop_;
  const endpoint& server_;
  double rate_;
  nanoseconds started_at_ = 0;
  std::uint64_t due_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t judged_ = 0;
  std::vector<std::unique_ptr<guesser>> under_way_;
};

}  // namespace nuncio::bench
