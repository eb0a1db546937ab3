#include "text_view.hpp"

#include "core/code_point.hpp"
#include "json_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

constexpr std::size_t step = 2;  // blanks for each level, and between columns
constexpr std::string_view nothing = "-";

std::string_view std_view(json::string_view text) noexcept {
  return {text.data(), text.size()};
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto next = first_code_point(text);
    const bool is_control = next.value < ' ' || (next.value >= 0x7f && next.value < 0xa0);
    const auto size = std::max<std::size_t>(next.size, 1);
    if (next.size != 0 && !is_control) {
      out += text.substr(0, size);
    } else {
      for (const char c : text.substr(0, size)) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    }
    text.remove_prefix(size);
  }
  return out;
}

// In code points, which is near enough to columns of a terminal.
std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80;
  }));
}

bool is_scalar(const json::value& what) noexcept {
  return !what.is_object() && !what.is_array();
}

bool is_all(const json::array& what, bool (*test)(const json::value&)) {
  return std::all_of(what.begin(), what.end(), test);
}

bool is_object(const json::value& what) noexcept {
  return what.is_object();
}

// On one line, whatever it is.
std::string inline_text(const json::value& what) {
  switch (what.kind()) {
    case json::kind::string:
      return what.get_string().empty() ? std::string(nothing)
                                       : printable(std_view(what.get_string()));
    case json::kind::null:
      return std::string(nothing);
    case json::kind::array: {
      const auto& all = what.get_array();
      if (all.empty()) return std::string(nothing);
      if (!is_all(all, is_scalar)) break;
      std::string out;
      for (const auto& each : all) out += (out.empty() ? "" : ", ") + inline_text(each);
      return out;
    }
    case json::kind::object:
      if (what.get_object().empty()) return std::string(nothing);
      break;
    default:
      break;
  }
  return printable(to_json_text(what, ""));
}

void append_padding(std::size_t width, std::string& out) {
  out.append(width, ' ');
}

// A list of objects of much the same keys.
class table {
 public:
  explicit table(const json::array& rows) {
    for (const auto& each : rows) {
      cells_.emplace_back();
      add(each.get_object(), {});
    }
  }

  void append_to(std::string& out, std::size_t indent) const {
    std::vector<std::string> names;
    names.reserve(columns_.size());
    for (const auto& each : columns_) names.push_back(each.name);
    append_line(names, indent, out);
    for (const auto& each : cells_) append_line(each, indent, out);
  }

 private:
  struct column {
    std::string name;
    std::size_t width = 0;
    bool is_number = true;  // such columns are aligned to the right
  };

  void add(const json::object& row, const std::string& prefix) {
    for (const auto& [key, value] : row) {
      const auto name = prefix + printable(std_view(key));
      if (value.is_object() && !value.get_object().empty()) {
        add(value.get_object(), name + ".");
      } else {
        put(name, value);
      }
    }
  }

  void put(const std::string& name, const json::value& value) {
    const auto [at, is_new] = by_name_.try_emplace(name, columns_.size());
    if (is_new) columns_.push_back({name, width_of(name)});
    auto& here = columns_[at->second];
    auto& row = cells_.back();
    row.resize(columns_.size());
    auto& cell = row[at->second];
    cell = inline_text(value);
    here.width = std::max(here.width, width_of(cell));
    here.is_number = here.is_number && (value.is_number() || value.is_null());
  }

  void append_line(const std::vector<std::string>& cells,
                   std::size_t indent,
                   std::string& out) const {
    append_padding(indent, out);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool is_there = i < cells.size() && !cells[i].empty();
      const std::string_view cell = is_there ? std::string_view(cells[i]) : nothing;
      const auto padding = columns_[i].width - width_of(cell);
      if (i != 0) append_padding(step, out);
      if (columns_[i].is_number) append_padding(padding, out);
      out += cell;
      if (!columns_[i].is_number) append_padding(padding, out);
    }
    out.resize(out.find_last_not_of(' ') + 1);
    out += '\n';
  }

  std::vector<column> columns_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::vector<std::vector<std::string>> cells_;  // a short row has nothing in its last columns
};

// Does it stand on the line of its key?
bool is_on_line(const json::value& what) {
  if (const auto* const all = what.if_array()) return all->empty() || !is_all(*all, is_object);
  const auto* const object = what.if_object();
  return object == nullptr || object->empty();
}

void append_object(const json::object& what, std::size_t indent, std::string& out) {
  std::size_t width = 0;
  for (const auto& [key, value] : what) {
    if (is_on_line(value)) width = std::max(width, width_of(printable(std_view(key))));
  }
  for (const auto& [key, value] : what) {
    const auto name = printable(std_view(key));
    append_padding(indent, out);
    out += name + ':';
    if (is_on_line(value)) {
      append_padding(width - width_of(name) + 1, out);
      out += inline_text(value) + '\n';
      continue;
    }
    out += '\n';
    if (const auto* const rows = value.if_array()) {
      table(*rows).append_to(out, indent + step);
    } else {
      append_object(value.get_object(), indent + step, out);
    }
  }
}

}  // namespace

std::string to_text_view(const json::object& page) {
  std::string out;
  append_object(page, 0, out);
  return out.empty() ? std::string(nothing) + '\n' : out;
}

}  // namespace nuncio::server::monitor
