#include "mappings.hpp"

#include "quoted.hpp"

#include <nuncio/protocol/subject.hpp>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

namespace nuncio::server {
namespace {

constexpr int whole = 100;  // percent

std::vector<std::string> sources_of(const std::vector<mapping_options>& all) {
  std::vector<std::string> out;
  out.reserve(all.size());
  for (const auto& each : all) out.push_back(each.source);
  return out;
}

void check_destinations(const mapping_options& of, std::vector<std::string>& out) {
  const auto whose = "mapping of " + quoted(of.source);
  std::map<std::string_view, std::int64_t> sums;
  std::unordered_set<std::string_view> seen;
  for (const auto& each : of.destinations) {
    std::string error;
    if (!protocol::subject_transform::parse(of.source, each.subject, error)) {
      out.push_back(std::string(whose).append(": ").append(error).append("."));
    }
    if (!seen.insert(each.subject).second) {
      out.push_back(whose + ": " + quoted(each.subject) + " is a destination twice.");
    }
    if (each.weight < 0 || each.weight > whole) {
      out.push_back(whose + ": the weight of " + quoted(each.subject) + " is " +
                    std::to_string(each.weight) + ", not 0 to 100 percent.");
    } else {
      sums[each.cluster] += each.weight;
    }
  }
  for (const auto& [cluster, sum] : sums) {
    if (sum <= whole) continue;
    out.push_back(whose + ": the weights" +
                  (cluster.empty() ? "" : " for cluster " + quoted(cluster)) + " add up to " +
                  std::to_string(sum) + ", more than 100 percent.");
  }
}

}  // namespace

std::vector<std::string> check_mappings(const std::vector<mapping_options>& all) {
  std::vector<std::string> out;
  std::unordered_set<std::string_view> sources;
  for (const auto& each : all) {
    if (!protocol::is_valid_subscription(each.source) || protocol::has_blank(each.source)) {
      out.push_back("mapping of " + quoted(each.source) + ": that is not a valid subject.");
      continue;
    }
    if (!sources.insert(each.source).second) {
      out.push_back("mapping of " + quoted(each.source) + " is defined twice.");
    }
    check_destinations(each, out);
  }
  return out;
}

mappings::mappings(const std::vector<mapping_options>& all) : sources_(sources_of(all)) {
  for (const auto& each : all) {
    entry made;
    std::uint32_t sum = 0;
    for (const auto& to : each.destinations) {
      // Said of any cluster, it means all of them.
      made.loses_rest = made.loses_rest || to.subject == each.source;
      if (!to.cluster.empty() || to.weight == 0) continue;  // without a cluster we are in none
      std::string error;
      auto parsed = protocol::subject_transform::parse(each.source, to.subject, error);
      if (!parsed) continue;  // checked before
      sum += static_cast<std::uint32_t>(to.weight);
      made.destinations.push_back({std::move(*parsed), sum});
    }
    entries_.push_back(std::move(made));
  }
}

std::string_view mappings::map(std::string_view subject,
                               std::string& scratch,
                               pick_random& random) const {
  constexpr auto none = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t first = none;
  sources_.each_cover(subject, [&first](std::uint32_t place) {
    first = std::min(first, place);
    return true;
  });
  // A subject with an empty token reaches nobody, and is mapped to nothing better.
  if (first == none || !protocol::has_only_full_tokens(subject)) return subject;
  const entry& found = entries_[first];
  const bool is_sure = !found.destinations.empty() && found.destinations.front().up_to == whole;
  const auto drawn = is_sure ? 0 : random.below(whole);
  for (const auto& each : found.destinations) {
    if (drawn >= each.up_to) continue;
    if (const auto text = each.to.constant()) return *text;
    each.to.apply(subject, scratch, [&random](std::uint32_t bound) { return random.below(bound); });
    return scratch;
  }
  return found.loses_rest ? std::string_view("") : subject;
}

}  // namespace nuncio::server
