#pragma once

#include <nuncio/protocol/service.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::rpc {

/// Where the endpoints of a service listen, as its instances say.
///
/// Pure; one thread. What it keeps is bounded, since anybody may answer.
class service_directory {
 public:
  static constexpr std::size_t max_endpoints = 1024;
  static constexpr std::size_t max_subjects = 8;  ///< of an endpoint
  static constexpr std::size_t max_subject_size = 256;

  explicit service_directory(std::string service) : service_(std::move(service)) {}

  /// What an instance says; several merge. That of another service is passed over, and so are
  /// subjects that can't be called.
  void add(const protocol::service_info& said);
  /// A subject of the endpoint, other than `besides`; the one that was heard of first.
  /// Lifetime: until the directory changes.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view endpoint,
                                                     std::string_view besides = {}) const;
  /// Nobody listens there any more.
  void forget(std::string_view endpoint, std::string_view subject);
  void clear() noexcept { endpoints_.clear(); }

 private:
  std::string service_;
  std::map<std::string, std::vector<std::string>, std::less<>> endpoints_;
};

}  // namespace nuncio::rpc
