// Prints what nuncio makes of configuration files, as conf_oracle prints what nats-server does: one
// line of JSON for each file named on the lines of the standard input.

#include "config/digest.hpp"
#include "config/parser.hpp"

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

using namespace nuncio::server::config;

namespace {

std::string tree(const value& what);

std::string map_tree(const value& what) {
  std::vector<const member*> sorted;
  sorted.reserve(what.members.size());
  for (const auto& one : what.members) sorted.push_back(&one);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return a->key < b->key; });
  std::string members;
  std::string used;
  for (const auto* one : sorted) {
    const auto key = to_json(std::string_view(one->key));
    members += (members.empty() ? "" : ",") + key + ":" + tree(one->is);
    if (one->is_variable) used += (used.empty() ? "" : ",") + key;
  }
  return "{\"map\":{" + members + "},\"used\":[" + used + "]}";
}

std::string tree(const value& what) {
  switch (what.what) {
    case kind::boolean:
      return to_json(what);
    case kind::integer:
      return "{\"integer\":\"" + to_json(what) + "\"}";
    case kind::real:
      return "{\"real\":" + to_json(what) + "}";
    case kind::time:
      return "{\"time\":" + to_json(what) + "}";
    case kind::text:
      return "{\"text\":" + to_json(what) + "}";
    case kind::list: {
      std::string items;
      for (const auto& item : what.items) items += (items.empty() ? "" : ",") + tree(item);
      return "[" + items + "]";
    }
    case kind::map:
      return map_tree(what);
  }
  return "null";
}

}  // namespace

int main() {
  const auto world = real_surroundings();
  std::string file;
  while (std::getline(std::cin, file)) {
    const auto read = parse_file(file, world);
    std::string errors;
    for (const auto& found : read.problems) {
      if (found.is_warning) continue;
      errors += (errors.empty() ? "" : "; ") + read.files[found.at.file] + ":" +
                std::to_string(found.at.line) + ":" + std::to_string(found.at.column) + ": " +
                found.text;
    }
    std::cout << "{\"file\":" << to_json(std::string_view(file));
    if (errors.empty()) {
      std::cout << ",\"digest\":\"" << read.digest << "\",\"tree\":" << tree(read.root) << "}\n";
    } else {
      std::cout << ",\"error\":" << to_json(std::string_view(errors)) << "}\n";
    }
  }
}
