#include "parsing.hpp"

#include "cursor.hpp"

#include <algorithm>

namespace nuncio::server::config {

namespace {

/// How many lists and maps are in each other; adds what they take.
std::size_t height(const value& what, std::size_t& bytes) {
  bytes += sizeof(value) + what.text.size();
  if (what.what != kind::list && what.what != kind::map) return 0;
  std::size_t highest = 0;
  for (const auto& item : what.items) highest = std::max(highest, height(item, bytes));
  for (const auto& one : what.members) {
    bytes += sizeof(member) - sizeof(value) + one.key.size();
    highest = std::max(highest, height(one.is, bytes));
  }
  return highest + 1;
}

}  // namespace

parsing::copied parsing::copy(const value& from, std::size_t depth, value& into) {
  // After too much nothing is measured either: that alone could take long.
  if (!count_copy(0)) return copied::too_much;
  std::size_t bytes = 0;
  const auto levels = height(from, bytes);
  if (!count_copy(bytes)) return copied::too_much;
  if (depth + levels > deepest_nesting) return copied::too_deep;
  into = from;
  return copied::done;
}

bool parsing::count_copy(std::size_t bytes) noexcept {
  if (copied_ <= most_copied) copied_ += bytes;
  return copied_ <= most_copied;
}

std::string normal_path(const std::filesystem::path& path) {
  auto text = path.lexically_normal().string();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

std::string circle(const std::vector<std::string>& chain, const std::string& last) {
  std::string out;
  for (auto at = std::find(chain.begin(), chain.end(), last); at != chain.end(); ++at) {
    out += in_quotes(*at) + " > ";
  }
  return out + in_quotes(last);
}

std::string in_environment(const std::string& name, const std::vector<problem>& problems) {
  constexpr std::string_view where = " in the environment's ";
  const auto source = std::string(where) + in_quotes("$" + name);
  if (problems.empty()) return "found nothing" + source + ", expected a value";
  auto what = problems.front().text;
  // One variable may stand in the text of another; what counts is where the mistake is.
  if (what.find(where) != std::string::npos) return what;
  return what.insert(std::min(what.rfind(", expected "), what.size()), source);
}

}  // namespace nuncio::server::config
