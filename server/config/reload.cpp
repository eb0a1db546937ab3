#include "reload.hpp"

#include "schema.hpp"

namespace nuncio::server::config {

std::vector<difference> compare(const settings& before, const settings& after) {
  return compare_block(all_options(), before, after);
}

std::string to_string(const difference& what) {
  std::string out = what.name;
  if (what.before.empty() && what.after.empty()) return out;
  const auto shown = [](const std::string& text) { return text.empty() ? "nothing" : text; };
  return out.append(": ").append(shown(what.before)).append(" is now ").append(shown(what.after));
}

std::string_view to_string(change when) noexcept {
  switch (when) {
    case change::live:
      return "live";
    case change::new_connections:
      return "new connections only";
    case change::restart:
      break;
  }
  return "restart";
}

}  // namespace nuncio::server::config
