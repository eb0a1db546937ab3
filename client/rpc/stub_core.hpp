#pragma once

#include "circuit_breaker.hpp"
#include "look_up.hpp"
#include "random_stock.hpp"
#include "retry_budget.hpp"
#include "runtime.hpp"

#include <nuncio/rpc/stub.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace nuncio::rpc {

/// What a stub and its copies share.
///
/// Thread: what is const any, all else the connection's executor.
class stub_core {
 public:
  stub_core(std::shared_ptr<client::driver> by, std::string service, const stub_options& set)
      : home(std::move(by)),
        prefix(std::move(service)),
        options(set),
        subjects(std::make_shared<look_up>(*home, prefix)),
        budget(set.retry_budget) {}

  /// When a call that is made now is given up.
  [[nodiscard]] std::chrono::steady_clock::time_point deadline_of(
      const detail::request& what, std::chrono::steady_clock::time_point now) const;

  /// Null if there is none. Lifetime: that of this.
  [[nodiscard]] circuit_breaker* circuit_of(const std::string& endpoint);

  const std::shared_ptr<client::driver> home;
  const std::string prefix;
  const stub_options options;
  const std::shared_ptr<look_up> subjects;  // an answer that is on its way needs it, too
  retry_budget budget;
  random_stock random;
  std::map<std::string, std::shared_ptr<const detail::fallback>> fallbacks;  // by endpoint

 private:
  std::map<std::string, circuit_breaker> circuits_;  // by endpoint
};

}  // namespace nuncio::rpc
