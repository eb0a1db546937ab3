#include "reference.hpp"

#include "reload.hpp"
#include "schema.hpp"

#include <fmt/format.h>

#include <string_view>
#include <vector>

namespace nuncio::server::config {
namespace {

// A `|` would end the cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string code(std::string_view text) {
  return text.empty() ? std::string() : fmt::format("`{}`", cell(text));
}

std::string names_of(const described& option) {
  std::string out;
  for (const auto name : option.names) {
    if (!out.empty()) out += ", ";
    out += code(name);
  }
  return out;
}

struct section {
  std::string path;
  std::vector<described> options;
};

bool is_offered(const described& option) {
  return option.type != "refused" && option.type != "ignored";
}

void write_table(const section& of, std::string& out, std::vector<section>& more) {
  out += "| option | takes | default | | a change counts |\n|---|---|---|---|---|\n";
  for (const auto& option : of.options) {
    if (!is_offered(option)) continue;
    // Of a block that has its own rows each of them says it.
    const auto counts = option.inside.empty() ? to_string(option.when) : std::string_view();
    out += fmt::format("| {} | {} | {} | {} | {} |\n", names_of(option), cell(option.type),
                       code(option.fallback), cell(option.help), counts);
    if (option.inside.empty()) continue;
    const auto name = std::string(option.names.front());
    more.push_back({of.path.empty() ? name : of.path + "." + name, option.inside});
  }
}

void write_sections(const std::vector<section>& sections, std::string& out) {
  for (const auto& each : sections) {
    std::vector<section> more;
    out += fmt::format("\n### {}\n\n", code(each.path));
    write_table(each, out, more);
    write_sections(more, out);
  }
}

void write_absent(const std::vector<described>& options, std::string_view type, std::string& out) {
  for (const auto& option : options) {
    if (option.type != type) continue;
    out += fmt::format("| {} | {} |\n", names_of(option), cell(option.help));
  }
}

}  // namespace

std::string reference() {
  const auto all = describe(all_options());
  std::string out = "## Options\n\n";
  std::vector<section> blocks;
  write_table({"", all}, out, blocks);
  write_sections(blocks, out);
  out +=
      "\n## Refused\n\nA file that asks for one of these does not start.\n\n| option | "
      "|\n|---|---|\n";
  write_absent(all, "refused", out);
  out +=
      "\n## Ignored\n\nChecked for their form, with a warning where somebody may miss them.\n\n"
      "| option | |\n|---|---|\n";
  write_absent(all, "ignored", out);
  return out;
}

}  // namespace nuncio::server::config
