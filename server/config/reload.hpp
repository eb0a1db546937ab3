#pragma once

#include "option.hpp"
#include "settings.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server::config {

/// What has changed, in the order of the reference.
[[nodiscard]] std::vector<difference> compare(const settings& before, const settings& after);

/// `max_payload: 1MB is now 2MB`, or `accounts` alone where the values aren't shown.
[[nodiscard]] std::string to_string(const difference& what);
/// `live`, `new connections only` or `restart`.
[[nodiscard]] std::string_view to_string(change when) noexcept;

}  // namespace nuncio::server::config
