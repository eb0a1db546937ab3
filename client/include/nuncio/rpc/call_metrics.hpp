#pragma once

#include <nuncio/rpc/interceptor.hpp>
#include <nuncio/rpc/latency_histogram.hpp>

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::rpc {

/// Counts calls, by endpoint and how they ended. Give it to as many stubs and services as you like:
///
///   auto metrics = std::make_shared<rpc::call_metrics>();
///   rpc::stub calc(connection, "calc", {.interceptors = {metrics}});
///   std::cout << to_prometheus(metrics->snapshot());
///
/// Memory is bounded: 6 KB for an endpoint, and of those a maximum.
/// Thread: any.
class call_metrics final : public interceptor {
 public:
  /// One endpoint, at one side.
  struct endpoint {
    call_side side = call_side::caller;     ///< whose calls these are
    call_kind kind = call_kind::unary;      ///< of the calls
    std::string service;                    ///< its name
    std::string name;                       ///< of the endpoint
    std::array<std::uint64_t, 17> ended{};  ///< by rpc::code; ok is the first
    std::uint64_t in_flight = 0;            ///< calls that have started and not ended
    std::uint64_t retries = 0;  ///< further attempts: made by a caller, seen by a service
    latency_histogram latency;  ///< of all that have ended
  };

  /// What is beyond `max_endpoints` counts as one endpoint `_other` of a service `_other`.
  explicit call_metrics(std::size_t max_endpoints = 256) : max_endpoints_(max_endpoints) {}

  /// In the order of side, service, name and kind.
  [[nodiscard]] std::vector<endpoint> snapshot() const;

  void on_start(call_view& call) override;
  void on_end(const call_view& call,
              const status& how,
              std::chrono::nanoseconds took) noexcept override;

 private:
  struct key {
    call_side side;
    std::string_view service;
    std::string_view name;
    call_kind kind;
    auto operator<=>(const key&) const = default;
  };
  endpoint& find(const call_view& call);

  const std::size_t max_endpoints_;
  mutable std::mutex lock_;            // what follows
  std::map<key, endpoint> endpoints_;  // a key points into its endpoint
};

/// In the text format of Prometheus, version 0.0.4: `nuncio_rpc_calls_total`,
/// `nuncio_rpc_calls_in_flight`, `nuncio_rpc_retries_total` and the histogram
/// `nuncio_rpc_call_duration_seconds`.
[[nodiscard]] std::string to_prometheus(const std::vector<call_metrics::endpoint>& of);

}  // namespace nuncio::rpc
