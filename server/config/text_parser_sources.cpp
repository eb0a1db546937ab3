#include "text_parser.hpp"

#include <algorithm>
#include <array>
#include <ranges>

// What stands elsewhere: variables, the environment's too, and included files.
namespace nuncio::server::config {

bool text_parser::resolve(const std::string& name,
                          std::size_t start,
                          std::size_t depth,
                          value& into) {
  into.at = place_of(start);
  // A password's hash by bcrypt begins like a reference. nats-server knows the first of these only.
  constexpr std::array<std::string_view, 4> hashes{"2a$", "2b$", "2x$", "2y$"};
  if (std::any_of(hashes.begin(), hashes.end(),
                  [&name](std::string_view begin) { return name.starts_with(begin); })) {
    into.text = "$" + name;
    return true;
  }
  for (auto* map : std::views::reverse(maps_)) {
    const auto found = map->index.find(name);
    if (found != map->index.end()) {
      auto& variable = map->is.members[found->second];
      variable.is_variable = true;
      return copy(variable.is, name, start, depth, into);
    }
    if (map->broken.contains(name)) return false;
  }
  return resolve_in_environment(name, start, depth, into);
}

bool text_parser::copy(
    const value& from, const std::string& name, std::size_t start, std::size_t depth, value& into) {
  const auto at = into.at;
  switch (shared_.copy(from, depth, into)) {
    case parsing::copied::done:
      into.at = at;
      into.variable = name;
      return true;
    case parsing::copied::too_deep:
      complain(start, in_.found_at(start) + ", whose value is nested", too_deep());
      return false;
    case parsing::copied::too_much:
      complain_of_copies(start);
      return false;
  }
  return false;
}

void text_parser::complain_of_copies(std::size_t start) {
  complain(start, in_.found_at(start) + ", whose value is large",
           "variables to stand for no more than 64 MiB in all");
}

bool text_parser::resolve_in_environment(const std::string& name,
                                         std::size_t start,
                                         std::size_t depth,
                                         value& into) {
  auto& resolving = shared_.resolving;
  if (std::find(resolving.begin(), resolving.end(), name) != resolving.end()) {
    complain(start, "found the variables " + circle(resolving, name) +
                        ", expected no variable of the environment to refer to itself");
    return false;
  }
  const auto text = name.empty() ? std::nullopt : shared_.world.variable(name);
  if (!text) {
    complain(start, in_quotes("$" + name),
             "a key further up or a variable of the environment with this name, or quotes");
    return false;
  }
  if (depth == deepest_nesting) {
    complain(start, in_.found_at(start), too_deep());
    return false;
  }
  if (!shared_.count_copy(text->size())) {
    complain_of_copies(start);
    return false;
  }
  std::vector<problem> problems;
  resolving.push_back(name);
  constexpr const char* key = "value";
  const std::string assignment = std::string(key) + "=" + *text;
  auto root = text_parser(shared_, assignment, "", depth + 1, problems, place_of(start)).read();
  resolving.pop_back();
  const auto found = root.index.find(key);
  if (problems.empty() && found != root.index.end()) {
    into = std::move(root.is.members[found->second].is);
    into.variable = name;
    return true;
  }
  complain(start, in_environment(name, problems));
  return false;
}

void text_parser::read_include(std::size_t depth) {
  in_.skip_blanks();
  const auto start = in_.position();
  const char c = in_.peek();
  std::string name;
  if (c == '"' || c == '\'') {
    const auto end = in_.text().find(c, start + 1);
    if (end == std::string_view::npos) {
      complain(start, in_.found_at(start) + " without its end", std::string("a closing ") + c);
      return in_.skip_line();
    }
    name = in_.text().substr(start + 1, end - start - 1);
    in_.move_to(end + 1);
  } else if (is_digit(c) || std::string_view("[{(-\\").find(c) != std::string_view::npos) {
    unexpected("the name of a file, or quotes");
    return in_.skip_to_any_of(",;}");
  } else {
    while (!in_.at_end() && !in_.at_blank() && !in_.at_line_end() &&
           std::string_view(";}'").find(in_.peek()) == std::string_view::npos) {
      in_.advance();
    }
    name = in_.since(start);
    if (in_.peek() == '\'') in_.advance();
  }
  if (name.empty()) return complain(start, in_.found_at(start), "the name of a file");
  include(normal_path(folder_ / std::filesystem::path("./" + name)), start, depth);
}

void text_parser::include(const std::string& path, std::size_t start, std::size_t depth) {
  auto& including = shared_.including;
  if (std::find(including.begin(), including.end(), path) != including.end()) {
    return complain(start, "the includes " + circle(including, path), "no file to include itself");
  }
  if (including.size() > deepest_include) {
    return complain(
        start, in_.found_at(start),
        "no more than " + std::to_string(deepest_include) + " files that include each other");
  }
  if (++shared_.includes > most_includes) {
    return complain(start, in_.found_at(start),
                    "no more than " + std::to_string(most_includes) + " includes");
  }
  const auto file = shared_.world.read(path);
  if (!file.content) {
    return complain(start, "no readable file " + in_quotes(path) + " (" + file.failure + ")",
                    "one to include");
  }
  including.push_back(path);
  // With variables of its own: what is above the include is not seen.
  auto included = text_parser(shared_, *file.content, path, depth, problems_).read();
  including.pop_back();
  has_given_up_ = has_given_up_ || problems_.size() >= most_problems;
  for (auto& one : included.is.members) maps_.back()->set(std::move(one));
  maps_.back()->broken.merge(included.broken);
}

}  // namespace nuncio::server::config
