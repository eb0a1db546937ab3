#include "value.hpp"

#include <algorithm>

namespace nuncio::server::config {

std::string_view to_string(kind what) noexcept {
  switch (what) {
    case kind::boolean:
      return "true or false";
    case kind::integer:
      return "a whole number";
    case kind::real:
      return "a number with a point";
    case kind::time:
      return "a date and time";
    case kind::text:
      return "a text";
    case kind::list:
      return "a list";
    case kind::map:
      return "a map";
  }
  return "a value";
}

const member* value::find(std::string_view key) const noexcept {
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const member& m) { return m.key == key; });
  return found == members.end() ? nullptr : &*found;
}

}  // namespace nuncio::server::config
