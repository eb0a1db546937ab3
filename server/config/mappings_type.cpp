#include "mappings_type.hpp"

#include "types.hpp"

#include <nuncio/protocol/subject.hpp>
#include <nuncio/protocol/subject_transform.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

namespace nuncio::server::config {
namespace {

constexpr std::string_view a_destination = "a map { destination: …, weight: … }";

struct destination : mapping_destination {
  place at;
  place subject_at;
  bool has_subject = false;
  bool has_weight = false;
};

const block<destination>& destination_rows() {
  static const block<destination> rows = [] {
    return block<destination>{
        custom_row<destination>(
            "destination|dest", "subject", change::live,
            "Where the messages go: a subject, in which $1 and functions stand for parts of the "
            "source",
            [](const value& found, destination& into, reading& to) {
              into.has_subject = true;
              into.subject_at = found.at;
              if (found.what != kind::text) return to.expected(found, "a subject");
              into.subject = found.text;
            }),
        custom_row<destination>("weight", percent(0).name, change::live,
                                "How many of the messages, in percent",
                                [](const value& found, destination& into, reading& to) {
                                  into.has_weight = true;
                                  percent(0).read(found, into.weight, to);
                                }),
        custom_row<destination>("cluster", "text", change::live, "Only in the cluster of this name",
                                [](const value& found, destination& into, reading& to) {
                                  text_type().read(found, into.cluster, to);
                                }),
    };
  }();
  return rows;
}

void read_destination(const value& found, std::vector<destination>& into, reading& to) {
  if (found.what != kind::map) return to.expected(found, a_destination);
  const auto before = to.count();
  destination got;
  got.at = found.at;
  read_block(found, got, destination_rows(), to);
  if (to.count() == before) {
    if (!got.has_subject) {
      to.error(found.at, "found a map without destination, expected " + std::string(a_destination));
    } else if (!got.has_weight) {
      to.error(found.at, "found a map without weight, expected " + std::string(a_destination));
    }
  }
  // What is wrong has been said; the others are looked at without it.
  if (to.count() == before) into.push_back(std::move(got));
}

void check_together(const std::string& source, const std::vector<destination>& all, reading& to) {
  std::map<std::string_view, int> sums;
  std::unordered_set<std::string_view> seen;
  for (const auto& each : all) {
    std::string error;
    if (!protocol::subject_transform::parse(source, each.subject, error)) {
      to.error(each.subject_at, error);
    } else if (!seen.insert(each.subject).second) {
      to.error(each.subject_at,
               "found " + quote(each.subject) + " a second time, expected each destination once");
    }
    int& sum = sums[each.cluster];
    const bool was_right = sum <= percent_type::whole;
    sum += each.weight;
    if (was_right && sum > percent_type::whole) {
      to.error(each.at,
               fmt::format("found weights{} that add up to {} here, expected no more than 100",
                           each.cluster.empty() ? "" : " for cluster " + quote(each.cluster), sum));
    }
  }
}

mapping_options read_mapping(const member& from, reading& to) {
  std::vector<destination> all;
  if (from.is.what == kind::text) {
    destination only;
    only.subject = from.is.text;
    only.at = only.subject_at = from.is.at;
    all.push_back(std::move(only));
  } else if (from.is.what == kind::map) {
    read_destination(from.is, all, to);
  } else if (from.is.what == kind::list) {
    for (const auto& each : from.is.items) read_destination(each, all, to);
  } else {
    to.expected(from.is, "a subject, a map { destination: …, weight: … } or a list of such maps");
  }
  check_together(from.key, all, to);
  mapping_options out;
  out.source = from.key;
  for (auto& each : all) out.destinations.push_back(std::move(each));
  return out;
}

}  // namespace

void mappings_type::read(const value& found,
                         std::vector<mapping_options>& into,
                         reading& to) const {
  if (found.what != kind::map) return to.expected(found, expected);
  const auto outer = to.key;
  for (const member& each : found.members) {
    if (!protocol::is_valid_subscription(each.key) || protocol::has_blank(each.key)) {
      to.error(each.at, "found " + quote(each.key) + ", expected a subject, such as \"orders.*\"");
      continue;
    }
    to.key = each.key;
    auto got = read_mapping(each, to);
    to.key = outer;
    const auto before = std::find_if(into.begin(), into.end(), [&got](const mapping_options& one) {
      return one.source == got.source;
    });
    if (before == into.end()) {
      into.push_back(std::move(got));
    } else {
      *before = std::move(got);
    }
  }
}

std::vector<described> mappings_type::inside() {
  return describe(destination_rows());
}

}  // namespace nuncio::server::config
