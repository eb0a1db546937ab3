#pragma once

#include "option.hpp"

#include <nuncio/server/access.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server::config {

/// Subject mappings: `{ source: destination }`, where a destination is a text, a map with a weight,
/// or a list of such maps.
struct mappings_type {
  std::string_view name = "map";
  std::string expected = "a map { source: destination, … }";

  /// Adds to `into`; a source that is there already gets the new destinations.
  void read(const value& found, std::vector<mapping_options>& into, reading& to) const;
  /// What a destination that is a map may say.
  [[nodiscard]] static std::vector<described> inside();
};

}  // namespace nuncio::server::config
