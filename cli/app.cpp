#include "app.hpp"

#include <nuncio/protocol/headers.hpp>
#include <nuncio/protocol/nuid.hpp>
#include <nuncio/protocol/subject.hpp>
#include <nuncio/protocol/url.hpp>

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>
#include <random>

namespace nuncio::cli {
namespace {

/// Blanks and control characters would end a field or a line of the protocol.
bool fits_in_a_field(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 127; });
}

[[noreturn]] void fail_usage(std::string text) {
  throw failure{exit_usage, std::move(text)};
}

std::string quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

std::vector<protocol::server_url> read_urls(std::string_view text) {
  std::string error;
  auto urls = protocol::parse_url_list(text, error);
  if (!urls) fail_usage(error);
  return *std::move(urls);
}

// What the server says has its verb in lower case.
void show_line(const client::protocol_line& line) {
  const bool is_ours = line.way == client::protocol_line::direction::to_server;
  std::string shown(line.text);
  const auto verb = std::min(shown.size(), shown.find_first_of(" \t"));
  if (!is_ours) {
    std::transform(
        shown.begin(), shown.begin() + static_cast<std::ptrdiff_t>(verb), shown.begin(),
        [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  }
  note((is_ours ? ">>> " : "<<< ") + shown);
}

}  // namespace

client::options common_options::to_settings() const {
  client::options set;
  const auto urls = read_urls(servers);
  set.servers = servers;
  // Whoever says who he is means that, and a URL's user info would win.
  if (!(user + password + token + creds_file + nkey_file).empty()) {
    set.servers.clear();
    for (const auto& url : urls) {
      if (!set.servers.empty()) set.servers += ',';
      set.servers.append(to_string(url.scheme)).append("://").append(address(url)).append(url.path);
    }
  }
  set.name = "nuncio CLI";
  set.user = user;
  set.password = password;
  set.token = token;
  set.creds_file = creds_file;
  set.nkey_seed_file = nkey_file;
  set.tls.ca_file = ca_file;
  set.tls.certificate_file = certificate_file;
  set.tls.key_file = key_file;
  set.randomize = false;
  set.reconnect.enabled = false;
  set.ping_interval = answer_timeout;
  set.max_pings_out = 1;
  if (verbose) set.on_protocol_line = show_line;
  return set;
}

std::string common_options::addresses() const {
  std::string out;
  for (const auto& url : read_urls(servers)) {
    if (!out.empty()) out += ", ";
    out += address(url);
  }
  return out;
}

CLI::Option* add_duration(CLI::App& app,
                          const std::string& flag,
                          std::chrono::nanoseconds& into,
                          const std::string& help) {
  const std::map<std::string, double> units{{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3},
                                            {"s", 1.0},   {"m", 60.0},  {"h", 3600.0}};
  return app
      .add_option_function<double>(
          flag,
          [&into](double seconds) {
            if (!(seconds > 0) || seconds > 1e9) {
              throw CLI::ValidationError("expected a duration above zero");
            }
            into = std::chrono::duration_cast<std::chrono::nanoseconds>(
                std::chrono::duration<double>(seconds));
          },
          help)
      ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::CASE_SENSITIVE, ""))
      ->option_text("DURATION");
}

void check_publish_subject(std::string_view subject) {
  if (fits_in_a_field(subject) && protocol::is_valid_publish(subject)) return;
  fail_usage("subject " + quoted(subject) +
             ": expected tokens separated by dots, without blanks and wildcards");
}

void check_subscription_subject(std::string_view subject) {
  if (fits_in_a_field(subject) && protocol::is_valid_subscription(subject)) return;
  fail_usage("subject " + quoted(subject) +
             ": expected tokens separated by dots, without blanks, and > at the end only");
}

void check_queue(std::string_view queue) {
  if (fits_in_a_field(queue)) return;
  fail_usage("queue group " + quoted(queue) + ": expected a name without blanks");
}

std::string to_header_block(const std::vector<std::string>& headers) {
  if (headers.empty()) return {};
  protocol::headers_builder builder;
  for (const std::string_view header : headers) {
    const auto colon = header.find(':');
    const auto key = header.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view{} : header.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (colon == std::string_view::npos || !builder.add(key, value)) {
      fail_usage("header " + quoted(header) +
                 ": expected key:value, the key without blanks, on one line");
    }
  }
  return std::string(builder.block());
}

std::string body_or_stdin(const std::string* body) {
  if (body != nullptr) return *body;
  if (::isatty(STDIN_FILENO) != 0) return {};
  return {std::istreambuf_iterator<char>(std::cin), {}};
}

std::string fill_in(std::string_view text, std::string_view name, std::string_view value) {
  const std::string place = "{{" + std::string(name) + "}}";
  std::string out;
  for (auto at = text.find(place); at != std::string_view::npos; at = text.find(place)) {
    out += text.substr(0, at);
    out += value;
    text.remove_prefix(at + place.size());
  }
  out += text;
  return out;
}

std::string unique_id() {
  std::random_device random;
  protocol::nuid ids([&random](std::span<std::byte> out) {
    for (auto& byte : out) byte = static_cast<std::byte>(random() & 0xFF);
  });
  return ids.next();
}

void print_headers(const client::message_view& received) {
  protocol::header_view headers;
  if (received.header_block.empty()) return;
  if (!protocol::parse_headers(received.header_block, headers)) {
    note("the headers can't be read");
    return;
  }
  if (!headers.status().empty()) std::cout << "Status: " << headers.status() << '\n';
  if (!headers.description().empty()) {
    std::cout << "Description: " << headers.description() << '\n';
  }
  for (const auto& [key, value] : headers) std::cout << key << ": " << value << '\n';
  std::cout << '\n';
}

void print_line(std::string_view text) {
  std::cout << text << '\n';
}

// In one piece: the connection's thread has its notes, too.
void note(std::string_view text) {
  std::cerr << std::string(text) + '\n';
}

}  // namespace nuncio::cli
