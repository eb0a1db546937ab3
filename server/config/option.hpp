#pragma once

#include "conversions.hpp"
#include "reading.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Options as rows: what an option is called, what it takes, what it means and where it goes is
/// said in one place. Reading, checking, command lines, reloading and the reference for users come
/// from the rows.
namespace nuncio::server::config {

/// What it takes for a changed value to count.
enum class change : std::uint8_t {
  live,             ///< counts at once
  new_connections,  ///< counts for those who connect from then on
  restart,
};

/// What an option is to its users.
struct described {
  std::vector<std::string_view> names;  ///< aliases after the first
  std::string_view type;
  std::string fallback;  ///< the default; empty: nothing
  change when = change::restart;
  std::string_view help;
  std::vector<described> inside;  ///< of a block
};

/// An option that isn't what it was.
struct difference {
  std::string name;  ///< `block.option` of one within a block
  change when = change::restart;
  std::string before;  ///< empty if nobody shall see it, or it is too long to show
  std::string after;
};

/// One option of a block of options, which is read into a Block.
template <class Block>
struct option {
  std::vector<std::string_view> names;
  std::string_view type;
  std::string expected;  ///< completes "expected …"
  change when = change::restart;
  std::string_view help;
  std::function<void(const value&, Block&, reading&)> read;
  std::function<bool(std::string_view, Block&)> read_text;  ///< null: not on a command line
  std::function<std::string(const Block&)> show;            ///< null: nobody shall see it
  std::function<bool(const Block&, const Block&)> same;     ///< null: another option says it
  std::function<std::vector<described>()> inside;           ///< null: no block
  /// Of a block whose options are compared one by one; null: `same` says all.
  std::function<std::vector<difference>(const Block&, const Block&)> compare_inside;
};

template <class Block>
using block = std::vector<option<Block>>;

/// `first|second` as two names.
[[nodiscard]] inline std::vector<std::string_view> split_names(std::string_view names) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto bar = names.find('|');
    out.push_back(names.substr(0, bar));
    if (bar == std::string_view::npos) return out;
    names.remove_prefix(bar + 1);
  }
}

/// An option that is kept in a member of the block.
template <class Block, class Member, class Type>
option<Block> row(std::string_view names,
                  Member Block::* member,
                  const Type& type,
                  change when,
                  std::string_view help) {
  option<Block> out;
  out.names = split_names(names);
  out.type = type.name;
  out.expected = type.expected;
  out.when = when;
  out.help = help;
  out.read = [member, type](const value& found, Block& into, reading& to) {
    type.read(found, into.*member, to);
  };
  if constexpr (requires(Member& m) { type.read_text(std::string_view{}, m); }) {
    out.read_text = [member, type](std::string_view text, Block& into) {
      return type.read_text(text, into.*member);
    };
  }
  if constexpr (requires(const Member& m) { type.show(m); }) {
    out.show = [member, type](const Block& from) { return type.show(from.*member); };
  }
  out.same = [member](const Block& a, const Block& b) { return a.*member == b.*member; };
  return out;
}

/// An option that is kept in several members, or in none.
template <class Block>
option<Block> custom_row(std::string_view names,
                         std::string_view type,
                         change when,
                         std::string_view help,
                         std::function<void(const value&, Block&, reading&)> read) {
  option<Block> out;
  out.names = split_names(names);
  out.type = type;
  out.when = when;
  out.help = help;
  out.read = std::move(read);
  return out;
}

template <class Block>
const option<Block>* find_option(const block<Block>& rows, std::string_view name) {
  for (const auto& each : rows) {
    for (const auto known : each.names) {
      if (same_name(name, known)) return &each;
    }
  }
  return nullptr;
}

/// Says that there is no such option, and which one may have been meant.
void report_unknown(const member& found, const std::vector<std::string_view>& known, reading& to);

/// Reads a map by the rows; what isn't one of them is an error, unless it was used as a variable.
template <class Block>
void read_block(const value& found, Block& into, const block<Block>& rows, reading& to) {
  if (found.what != kind::map) return to.expected(found, "a map { … }");
  const auto outer = to.key;
  for (const member& each : found.members) {
    const auto* const known = find_option(rows, each.key);
    if (known != nullptr) {
      const auto outer_length = to.block.size();
      if (outer_length > 0) to.block += '.';
      to.block += known->names.front();
      to.seen.insert_or_assign(to.block, each.at);
      to.key = each.key;
      known->read(each.is, into, to);
      to.key = outer;
      to.block.resize(outer_length);
    } else if (!each.is_variable) {
      std::vector<std::string_view> names;
      for (const auto& one : rows) names.insert(names.end(), one.names.begin(), one.names.end());
      report_unknown(each, names, to);
    }
  }
}

template <class Block>
std::vector<described> describe(const block<Block>& rows) {
  std::vector<described> out;
  const Block plain{};
  for (const auto& each : rows) {
    out.push_back({each.names, each.type, each.show ? each.show(plain) : std::string(), each.when,
                   each.help, each.inside ? each.inside() : std::vector<described>()});
  }
  return out;
}

/// What has changed, in the order of the rows.
template <class Block>
std::vector<difference> compare_block(const block<Block>& rows,
                                      const Block& before,
                                      const Block& after) {
  std::vector<difference> out;
  for (const auto& each : rows) {
    const std::string name(each.names.front());
    if (each.compare_inside) {
      for (auto& found : each.compare_inside(before, after)) {
        found.name.insert(0, name + ".");
        out.push_back(std::move(found));
      }
    }
    if (!each.same || each.same(before, after)) continue;
    out.push_back({name, each.when, each.show ? each.show(before) : std::string(),
                   each.show ? each.show(after) : std::string()});
  }
  return out;
}

/// Options of a member, as options of the whole.
template <class Outer, class Inner>
void append_within(block<Outer>& to, Inner Outer::* member, const block<Inner>& rows) {
  for (const auto& each : rows) {
    option<Outer> out;
    out.names = each.names;
    out.type = each.type;
    out.expected = each.expected;
    out.when = each.when;
    out.help = each.help;
    out.inside = each.inside;
    out.read = [member, read = each.read](const value& found, Outer& into, reading& problems) {
      read(found, into.*member, problems);
    };
    if (each.read_text) {
      out.read_text = [member, read = each.read_text](std::string_view text, Outer& into) {
        return read(text, into.*member);
      };
    }
    if (each.show) {
      out.show = [member, show = each.show](const Outer& from) { return show(from.*member); };
    }
    if (each.compare_inside) {
      out.compare_inside = [member, compare = each.compare_inside](const Outer& a, const Outer& b) {
        return compare(a.*member, b.*member);
      };
    }
    if (each.same) {
      out.same = [member, same = each.same](const Outer& a, const Outer& b) {
        return same(a.*member, b.*member);
      };
    }
    to.push_back(std::move(out));
  }
}

}  // namespace nuncio::server::config
