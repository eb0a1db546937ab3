#include "parser.hpp"

#include "digest.hpp"
#include "text_parser.hpp"

#include <utility>

namespace nuncio::server::config {

document parse_text(std::string_view text, const std::string& path, const surroundings& world) {
  document out;
  parsing shared(world);
  shared.files = {path};
  shared.including = {normal_path(path)};
  out.root = text_parser(shared, text, path, 0, out.problems).read().is;
  out.files = std::move(shared.files);
  if (!out.problems.empty()) return out;
  out.digest = digest_of(out.root);
  if (out.root.members.empty()) {
    out.problems.push_back({.text = "found no values, expected at least one", .is_warning = true});
  }
  return out;
}

document parse_file(const std::string& path, const surroundings& world) {
  const auto file = world.read(path);
  if (file.content) return parse_text(*file.content, path, world);
  document out;
  out.root.what = kind::map;
  out.files = {path};
  // In no line of it.
  out.problems.push_back({.at = {.line = 0, .column = 0},
                          .text = "found no readable file " + in_quotes(path) + " (" +
                                  file.failure + "), expected a configuration"});
  return out;
}

}  // namespace nuncio::server::config
