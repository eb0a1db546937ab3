#include "load.hpp"

#include "conversions.hpp"
#include "parsing.hpp"
#include "schema.hpp"
#include "writable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <list>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace nuncio::server::config {
namespace {

// Of the first of these options that is there. One that isn't in the file was given on the command
// line, which has no lines.
place place_of(const reading& from, std::initializer_list<std::string_view> options) {
  for (const auto option : options) {
    if (const auto found = from.seen.find(option); found != from.seen.end()) return found->second;
  }
  return {0, 0, 0};
}

// The only one who may connect, or the token, as they are without the command line.
struct single_credentials {
  std::string user;
  std::string password;
  std::string token;
};

// What the command line says beside what the file says: what counts is what nats-server makes of it
// (2.15.2, run), but that it says nothing.
void settle_flags(const single_credentials& of_file,
                  std::string_view file,
                  access_options& access,
                  reading& to) {
  const place nowhere{0, 0, 0};
  const bool has_user =
      !access.user.empty() && (access.user != of_file.user || access.password != of_file.password);
  const bool has_token = !access.token.empty() && access.token != of_file.token;
  const auto no_user = [&] {
    access.user = of_file.user;
    access.password = of_file.password;
  };
  if (!has_user && !has_token) return;
  const std::string flag = has_user ? "--user" : "--auth";
  const bool of_accounts =
      std::any_of(access.users.begin(), access.users.end(),
                  [](const user_options& each) { return !each.account.empty(); });
  if (of_accounts) {
    to.error(nowhere, fmt::format("found {} beside users of accounts in {}, expected one of both",
                                  flag, quote(file)));
    no_user();
    access.token = of_file.token;
    return;
  }
  if (!access.users.empty()) {
    if (has_user) {
      to.warn(nowhere,
              fmt::format("found --user beside users in {}: only those count", quote(file)));
      no_user();
    }
    if (has_token) {
      to.warn(nowhere, fmt::format("found --auth beside users in {}: both count", quote(file)));
    }
    return;
  }
  if (access.token.empty() || access.user.empty()) return;
  to.warn(nowhere, has_user && has_token
                       ? "found --user beside --auth: only the token counts"
                       : fmt::format("found {} beside {} in {}: only the token counts", flag,
                                     has_user ? "a token" : "a user", quote(file)));
  access.user.clear();
  access.password.clear();
}

void check_single(const single_credentials& of_file, const access_options& access, reading& to) {
  const bool has_user = !of_file.user.empty() || !of_file.password.empty();
  const auto at = place_of(to, {"authorization"});
  if (has_user && !of_file.token.empty()) {
    to.error(at, "found user and token, expected one of both");
  }
  if ((has_user || !of_file.token.empty()) && !access.users.empty()) {
    to.error(at, fmt::format("found {} beside users, expected one of both",
                             has_user ? "user" : "token"));
  }
}

// nats-server makes none of it, its own name for it included.
void check_system_account(const access_options& access, reading& to) {
  if (!to.system_account) return;
  const auto& name = to.system_account->text;
  std::vector<std::string_view> known{"$G"};
  for (const auto& each : access.accounts) known.emplace_back(each.name);
  if (name.empty() || std::find(known.begin(), known.end(), name) != known.end()) return;
  std::string text = fmt::format("system_account: found {}, expected one of the accounts",
                                 shown(*to.system_account));
  const auto near = to.system_account->is_from_environment ? "" : closest(name, known);
  if (!near.empty()) text += fmt::format("; did you mean {}?", near);
  to.error(to.system_account->at, std::move(text));
}

void check_access(const access_options& access, reading& to) {
  // nats-server starts with it, and lets everybody in.
  if (access.user.empty() && !access.password.empty()) {
    to.warn(place_of(to, {"authorization"}),
            "found a password without a user, which nobody is asked for");
  }
  check_system_account(access, to);
  std::unordered_map<std::string_view, place> names;
  for (std::size_t i = 0; i < access.users.size(); ++i) {
    const auto& name = access.users[i].id();
    if (name.empty()) continue;  // said already
    const auto here = i < to.users.size() ? to.users[i] : place{};
    const auto [before, is_new] = names.try_emplace(name, here);
    if (is_new) continue;
    to.error(here, fmt::format("found user \"{}\" a second time, first in line {}", name,
                               before->second.line));
  }
  if (!access.no_auth_user.empty() && !names.contains(access.no_auth_user)) {
    to.error(
        place_of(to, {"no_auth_user"}),
        fmt::format("no_auth_user: found \"{}\", expected one of the users", access.no_auth_user));
  }
}

void check_tls(const tls_options& tls, std::string_view block, reading& to) {
  for (const auto& each : check(tls)) {
    const auto named = to.files.find(file_of_option(each.option, each.file));
    const auto at = named == to.files.end() ? place_of(to, {block}) : named->second;
    const auto text = fmt::format("{}tls: {}", block == "tls" ? "" : "websocket: ", each.text);
    if (each.is_warning) {
      to.warn(at, text);
    } else {
      to.error(at, text);
    }
  }
}

void check_websocket(const options& node, reading& to) {
  const auto& own = node.websocket;
  if (own.port == 0) return;
  if (own.tls) {
    check_tls(*own.tls, "websocket.tls", to);
  } else if (!own.no_tls) {
    to.error(place_of(to, {"websocket"}),
             "websocket: found neither tls nor no_tls, expected one of both");
  }
  const auto& users = node.access.users;
  if (!users.empty() && (!own.user.empty() || !own.token.empty())) {
    to.error(place_of(to, {"websocket.authorization"}),
             fmt::format("websocket: found {} of its own beside users, expected one of both",
                         own.user.empty() ? "a token" : "a user"));
  }
  if (!own.no_auth_user.empty() && !has_user(users, own.no_auth_user)) {
    to.error(place_of(to, {"websocket.no_auth_user"}),
             fmt::format("websocket: found no_auth_user \"{}\", expected one of the users",
                         own.no_auth_user));
  }
}

// A doubt only, as nats-server starts with some of it, and what isn't there may be by then.
void check_paths(const settings& all, reading& to) {
  const auto say = [&to](std::string_view option, const std::string& path, auto check) {
    const std::error_code why = path.empty() ? std::error_code() : check(path);
    if (!why) return;
    to.warn(place_of(to, {option}), fmt::format("{}: found {}, where nothing can be written ({})",
                                                option, quote(path), why.message()));
  };
  say("log_file", all.log.file, why_not_opened);
  say("pid_file", all.pid_file, why_not_put);
  say("ports_file_dir", all.ports_file_dir, why_no_files_in);
}

bool is_any(std::string_view host) noexcept {
  return host.empty() || host == "0.0.0.0" || host == "::" || host == "[::]";
}

void check_monitor(const options& node, reading& to) {
  const auto& own = node.monitor;
  const auto at = place_of(to, {"https_port", "https", "http_port", "http"});
  if (own.http_port != 0 && own.https_port != 0) {
    to.error(at, fmt::format("found http_port {} and https_port {}, expected one of both",
                             own.http_port, own.https_port));
  }
  if (own.https_port != 0 && !node.tls) {
    to.error(at, "found https_port without tls, whose certificates it takes");
  }
}

// Where something listens.
struct entrance {
  std::string_view name;
  std::string_view host;
  int port = 0;
  place at;
};

void check_meeting(const entrance& one, const entrance& other, reading& to) {
  const bool meet = one.host == other.host || is_any(one.host) || is_any(other.host);
  if (other.port != one.port || one.port <= 0 || !meet) return;
  to.warn(one.at, fmt::format("{}: found port {}, which is that of {} as well, expected another "
                              "one",
                              one.name, one.port, other.name));
}

void check_ports(const options& node, reading& to) {
  const auto& ws = node.websocket;
  const auto& pages = node.monitor;
  const std::string_view host = monitor_host(node);
  const entrance clients{
      "clients by TCP", node.host, node.port == 0 ? options().port : node.port, {}};
  const entrance websocket{"websocket", ws.host, ws.port,
                           place_of(to, {"websocket.port", "websocket.listen", "websocket"})};
  const entrance http{"http", host, pages.http_port, place_of(to, {"http_port", "http"})};
  const entrance https{"https", host, pages.https_port, place_of(to, {"https_port", "https"})};
  check_meeting(websocket, clients, to);
  for (const auto& each : {http, https}) {
    check_meeting(each, clients, to);
    check_meeting(each, websocket, to);
  }
}

void check_all(const settings& all, reading& to) {
  const auto& node = all.node;
  if (node.max_payload > node.max_pending) {
    to.error(place_of(to, {"max_payload", "max_pending"}),
             fmt::format("found max_payload {}, expected no more than max_pending, which is {}",
                         node.max_payload, node.max_pending));
  }
  if (node.lame_duck_grace_period >= node.lame_duck_duration) {
    to.error(place_of(to, {"lame_duck_grace_period", "lame_duck_duration"}),
             "found lame_duck_grace_period that is not below lame_duck_duration");
  }
  check_access(node.access, to);
  if (node.tls) check_tls(*node.tls, "tls", to);
  check_websocket(node, to);
  check_monitor(node, to);
  check_ports(node, to);
  check_paths(all, to);
}

void sort_by_place(std::vector<problem>& all) {
  // A list, whose sort keeps the order of what stands in the same place.
  std::list<problem> sorted(std::make_move_iterator(all.begin()),
                            std::make_move_iterator(all.end()));
  sorted.sort([](const problem& a, const problem& b) {
    return std::tie(a.at.file, a.at.line, a.at.column) <
           std::tie(b.at.file, b.at.line, b.at.column);
  });
  all.assign(std::make_move_iterator(sorted.begin()), std::make_move_iterator(sorted.end()));
}

// Leaves of all, or of the warnings, no more than are worth reading, and says how many there were.
// `total` counts those, too, that were not even kept.
void shorten(std::vector<problem>& all, bool warnings, std::size_t total, bool is_least) {
  if (total <= most_shown) return;
  std::size_t shown = 0;
  std::erase_if(all, [&](const problem& each) {
    return each.is_warning == warnings && ++shown > most_shown;
  });
  all.push_back({.at = {.line = 0, .column = 0},
                 .text = fmt::format("found {}{} more {}", is_least ? "at least " : "",
                                     total - most_shown, warnings ? "warnings" : "errors"),
                 .is_warning = warnings});
}

}  // namespace

bool loaded::has_errors() const noexcept {
  return std::any_of(problems.begin(), problems.end(),
                     [](const problem& each) { return !each.is_warning; });
}

loaded interpret(document read, const std::function<void(settings&)>& override) {
  loaded out;
  reading to;
  read_block(read.root, out.options, all_options(), to);
  auto& log = out.options.log;
  log.trace = log.trace || log.trace_verbose || out.options.node.trace_headers;
  auto& access = out.options.node.access;
  const single_credentials of_file{access.user, access.password, access.token};
  if (override) override(out.options);
  check_single(of_file, access, to);
  if (to.errors() == 0) {
    settle_flags(of_file, read.files.empty() ? "" : read.files.front(), access, to);
  }
  check_all(out.options, to);

  out.is_empty = read.root.members.empty();
  out.files = std::move(read.files);
  out.digest = std::move(read.digest);
  out.options.node.config_digest = out.digest;
  out.problems = std::move(read.problems);
  // Those of the grammar are errors, but that there is nothing at all.
  const auto grammar = static_cast<std::size_t>(std::count_if(
      out.problems.begin(), out.problems.end(), [](const auto& each) { return !each.is_warning; }));
  const auto warnings = to.warnings() + out.problems.size() - grammar;
  std::move(to.problems().begin(), to.problems().end(), std::back_inserter(out.problems));
  sort_by_place(out.problems);
  // Where the parser gives up, nobody has counted the rest.
  shorten(out.problems, false, to.errors() + grammar, grammar == most_problems);
  shorten(out.problems, true, warnings, false);
  return out;
}

std::string to_string(const problem& what, const std::vector<std::string>& files) {
  if (what.at.line == 0) return what.text;
  return fmt::format("{}:{}:{}: {}", files.at(what.at.file), what.at.line, what.at.column,
                     what.text);
}

}  // namespace nuncio::server::config
