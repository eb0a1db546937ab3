#include "address_type.hpp"
#include "conversions.hpp"
#include "schema.hpp"
#include "types.hpp"

#include <nuncio/server/monitor.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

// Monitoring, and what only its pages show.
namespace nuncio::server::config {
namespace {

using enum change;

// `http` and `https`: a port of each, and the host of both.
option<monitor_options> listen_row(std::string_view name,
                                   int monitor_options::* port,
                                   std::string_view help) {
  return custom_row<monitor_options>(
      name, "host:port", restart, help,
      [port](const value& found, monitor_options& into, reading& to) {
        const auto got = to_address(found);
        if (!got) return to.expected(found, listen_form);
        into.host = got->host.value_or(into.host);
        into.*port = got->port;
      });
}

// Without or with slashes around it: all of it is the same.
struct path_type {
  std::string_view name = "text";
  std::string expected = "a path of plain letters, such as \"/nats\"";

  bool read_text(std::string_view text, std::string& into) const {
    const bool is_plain = is_base_path(text);
    if (is_plain) into = text;
    return is_plain;
  }
  void read(const value& found, std::string& into, reading& to) const {
    if (found.what != kind::text || !read_text(found.text, into)) to.expected(found, expected);
  }
  [[nodiscard]] std::string show(const std::string& from) const { return from; }
};

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t\r\n";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

// As the reference keeps them: in lower case, each once.
struct tags_type {
  texts_type texts;
  std::string_view name = texts.name;
  std::string expected = texts.expected;

  void read(const value& found, std::vector<std::string>& into, reading& to) const {
    std::vector<std::string> all;
    texts.read(found, all, to);
    into.clear();
    for (const auto& each : all) {
      auto tag = to_lower(trimmed(each));
      const bool is_new = std::find(into.begin(), into.end(), tag) == into.end();
      if (!tag.empty() && is_new) into.push_back(std::move(tag));
    }
  }
  [[nodiscard]] std::string show(const std::vector<std::string>& from) const {
    return texts.show(from);
  }
};

struct metadata_type {
  std::string_view name = "map";
  std::string expected = "a map { name: text, … }";

  void read(const value& found, std::map<std::string, std::string>& into, reading& to) const {
    if (found.what != kind::map) return to.expected(found, expected);
    into.clear();
    for (const auto& each : found.members) {
      if (each.is.what != kind::text) {
        to.expected(each.is, "a text");
      } else {
        into.insert_or_assign(each.key, each.is.text);
      }
    }
  }
};

}  // namespace

const block<monitor_options>& monitor_rows() {
  static const block<monitor_options> rows = [] {
    block<monitor_options> out{
        listen_row("http", &monitor_options::http_port, "Address and port of monitoring by HTTP"),
        listen_row("https", &monitor_options::https_port,
                   "Instead, by HTTPS with the certificates of tls"),
        row("http_port|monitor_port", &monitor_options::http_port, port_number(), restart,
            "Port of monitoring by HTTP, -1 for any free one; 0: there is none"),
        row("https_port", &monitor_options::https_port, port_number(), restart,
            "Port of monitoring by HTTPS, likewise"),
        row("http_base_path", &monitor_options::base_path, path_type(), restart,
            "What stands before the names of the pages of monitoring, as in /nats"),
        row("max_closed_clients", &monitor_options::max_closed_clients, number(0), restart,
            "Closed connections that these pages show; 0: 10000"),
    };
    // The host has no option of its own that could say whether it has changed.
    out.front().same = [](const auto& a, const auto& b) { return a.host == b.host; };
    out.front().show = [](const auto& from) { return from.host; };
    return out;
  }();
  return rows;
}

const block<options>& description_rows() {
  static const block<options> rows{
      row("server_tags", &options::tags, tags_type(), live,
          "Tags of this server, which the pages of monitoring show"),
      row("server_metadata", &options::metadata, metadata_type(), live,
          "Texts about this server, likewise"),
  };
  return rows;
}

}  // namespace nuncio::server::config
