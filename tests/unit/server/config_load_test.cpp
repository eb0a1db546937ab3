#include "config/load.hpp"
#include "config/reference.hpp"
#include "config/reload.hpp"
#include "temporary_file.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::server;
using namespace nuncio::server::config;
using namespace std::chrono_literals;
using nuncio::test::temporary_file;

namespace {

surroundings no_world() {
  return {[](const std::string&) { return surroundings::read_result{{}, "there are no files"}; },
          [](const std::string&) { return std::nullopt; }};
}

loaded read(std::string_view text) {
  return interpret(parse_text(text, "t.conf", no_world()));
}

settings good(std::string_view text) {
  auto out = read(text);
  for (const auto& each : out.problems) CAPTURE(to_string(each, out.files));
  CHECK(out.problems.empty());
  return out.options;
}

// All that is wrong, a line each.
std::string wrong(std::string_view text) {
  const auto out = read(text);
  std::string all;
  for (const auto& each : out.problems) {
    if (!all.empty()) all += '\n';
    all += (each.is_warning ? "warning: " : "") + to_string(each, out.files);
  }
  return all;
}

constexpr std::string_view user_key = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

struct option_row {
  std::string text;
  std::function<bool(const settings&)> holds;
};

}  // namespace

TEST_CASE("config: an option goes where its name says, by any of its names, in any case") {
  const std::vector<option_row> rows{
      {"listen: 5000", [](auto& s) { return s.node.port == 5000 && s.node.host == "0.0.0.0"; }},
      {"listen: \"h:5000\"", [](auto& s) { return s.node.port == 5000 && s.node.host == "h"; }},
      {"listen: 127.0.0.1:5000", [](auto& s) { return s.node.host == "127.0.0.1"; }},
      {"listen: \"[::1]:5000\"", [](auto& s) { return s.node.host == "::1"; }},
      {"listen: \":-1\"", [](auto& s) { return s.node.port == -1; }},
      {"host: h", [](auto& s) { return s.node.host == "h"; }},
      {"NET: h", [](auto& s) { return s.node.host == "h"; }},
      {"port: -1", [](auto& s) { return s.node.port == -1; }},
      {"Server_Name: n", [](auto& s) { return s.node.name == "n"; }},
      {"client_advertise: \"h:1\"", [](auto& s) { return s.node.advertise == "h:1"; }},
      {"shards: auto", [](auto& s) { return s.node.shards == 0; }},
      {"shards: 3", [](auto& s) { return s.node.shards == 3; }},
      {"busy_poll: \"50us\"", [](auto& s) { return s.node.busy_poll == 50us; }},
      {"max_connections: 5", [](auto& s) { return s.node.max_connections == 5; }},
      {"max_conn: -1", [](auto& s) { return s.node.max_connections == -1; }},
      {"max_subs: 7", [](auto& s) { return s.node.max_subscriptions == 7; }},
      {"max_sub_tokens: 8", [](auto& s) { return s.node.max_subscription_tokens == 8; }},
      {"max_control_line: 1kb", [](auto& s) { return s.node.max_control_line == 1024; }},
      {"max_payload: 64k", [](auto& s) { return s.node.max_payload == 64'000; }},
      {"max_pending: 128MB", [](auto& s) { return s.node.max_pending == 128 << 20; }},
      {"ping_interval: 10s", [](auto& s) { return s.node.ping_interval == 10s; }},
      {"ping_interval: \"2m\"", [](auto& s) { return s.node.ping_interval == 2min; }},
      {"ping_max: 5", [](auto& s) { return s.node.ping_max == 5; }},
      {"write_deadline: \"1.5s\"", [](auto& s) { return s.node.write_deadline == 1500ms; }},
      {"lame_duck_duration: 30s", [](auto& s) { return s.node.lame_duck_duration == 30s; }},
      {"lame_duck_grace_period: 1s", [](auto& s) { return s.node.lame_duck_grace_period == 1s; }},
      {"no_header_support: true", [](auto& s) { return !s.node.headers; }},
      {"no_header_support: false", [](auto& s) { return s.node.headers; }},
      {"debug: on", [](auto& s) { return s.log.debug; }},
      {"trace: yes", [](auto& s) { return s.log.trace; }},
      {"trace_verbose: true", [](auto& s) { return s.log.trace && s.log.trace_verbose; }},
      {"trace_headers: true", [](auto& s) { return s.log.trace && s.node.trace_headers; }},
      {"logtime: false", [](auto& s) { return !s.log.time; }},
      {"logtime_utc: true", [](auto& s) { return s.log.utc; }},
      {"logfile_size_limit: 1MB", [](auto& s) { return s.log.size_limit == 1 << 20; }},
      {"log_max_num: 3", [](auto& s) { return s.log.max_files == 3; }},
      {"syslog: true", [](auto& s) { return s.log.syslog; }},
      {"logfile: f", [](auto& s) { return s.log.file == "f"; }},
      {"max_traced_msg_len: 10", [](auto& s) { return s.node.max_traced_size == 10; }},
      {"pidfile: f", [](auto& s) { return s.pid_file == "f"; }},
      {"ports_file_dir: '.'", [](auto& s) { return s.ports_file_dir == "."; }},
      {"no_auth_user: a, authorization { users: [{user: a, password: b}] }",
       [](auto& s) { return s.node.access.no_auth_user == "a"; }},
      {"system_account: S, accounts [S]",
       [](auto& s) { return s.node.access.system_account == "S"; }},
      {"no_sys_acc: true", [](auto& s) { return s.node.access.system_account.empty(); }},
      {"authorization { timeout: 3 }", [](auto& s) { return s.node.access.timeout == 3s; }},
      {"authorization { timeout: 0.5 }", [](auto& s) { return s.node.access.timeout == 500ms; }},
      {"authorization { timeout: \"250ms\" }",
       [](auto& s) { return s.node.access.timeout == 250ms; }},
      {"write_timeout: close", [](auto& s) { return s.node.port == 4222; }},
      {"http: 8222", [](auto& s) { return s.node.monitor.http_port == 8222; }},
      {"http: \"localhost:-1\"",
       [](auto& s) {
         return s.node.monitor.http_port == -1 && s.node.monitor.host == "localhost";
       }},
      {"monitor_port: 1, http_port: 2", [](auto& s) { return s.node.monitor.http_port == 2; }},
      {"http: \"a:1\", http_port: 2",
       [](auto& s) { return s.node.monitor.http_port == 2 && s.node.monitor.host == "a"; }},
      {"http_base_path: /nats", [](auto& s) { return s.node.monitor.base_path == "/nats"; }},
      {"max_closed_clients: 3", [](auto& s) { return s.node.monitor.max_closed_clients == 3; }},
      {"server_tags: one", [](auto& s) { return s.node.tags == std::vector<std::string>{"one"}; }},
      {"server_tags: [\" A b\", x, \"a b\", \"\", X]",
       [](auto& s) { return s.node.tags == std::vector<std::string>{"a b", "x"}; }},
      {"server_metadata { B: x, a: \"1\" }",
       [](auto& s) {
         return s.node.metadata == std::map<std::string, std::string>{{"B", "x"}, {"a", "1"}};
       }},
      {"feature_flags { x: true }, disable_sublist_cache: true",
       [](auto& s) { return s.node.port == 4222; }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(row.holds(good(row.text)));
  }
}

TEST_CASE("config: what is wrong is named with its place, what was found and what was expected") {
  CHECK(wrong("port: \"x\"") ==
        "t.conf:1:7: port: found \"x\", expected a port from 1 to 65535, or -1 for any free one");
  CHECK(
      wrong("max_payload: 1.5") ==
      "t.conf:1:14: max_payload: found 1.5, expected 1 to 2147483647 bytes, such as 65536 or 64KB");
  CHECK(wrong("debug: 1") == "t.conf:1:8: debug: found 1, expected true or false");
  CHECK(wrong("listen: localhost")
            .starts_with("t.conf:1:9: listen: found \"localhost\", expected a"));
  CHECK(wrong("listen: \"::1:4222\"").find("brackets for IPv6") != std::string::npos);
  CHECK(wrong("\n\n  prot: 1") ==
        "t.conf:3:3: found unknown key \"prot\", expected one that is known here; did you mean "
        "port?");
  CHECK(wrong("zzzzzzz: 1") ==
        "t.conf:1:1: found unknown key \"zzzzzzz\", expected one that is known here");
  CHECK(
      wrong("authorization { userss: [] }") ==
      "t.conf:1:17: authorization: found unknown key \"userss\", expected one that is known here; "
      "did you mean users?");
  CHECK(wrong("server_name: \"a b\"").find("expected a name without blanks") != std::string::npos);
  CHECK(wrong("max_sub_tokens: 0").find("expected 1 to 255") != std::string::npos);
  CHECK(wrong("lame_duck_duration: 20s").find("30 s or more") != std::string::npos);
  CHECK(wrong("ping_interval: \"10\"").find("expected a duration") != std::string::npos);
  CHECK(wrong("write_timeout: retry").empty());
}

TEST_CASE("config: everything that is wrong is said at once, in the order of the file") {
  CHECK(
      wrong("port: x\nmax_payload: -1\nauthorization {\n  users: [ {user: 5} ]\n}\nfoo: 1\n") ==
      "t.conf:1:7: port: found \"x\", expected a port from 1 to 65535, or -1 for any free one\n"
      "t.conf:2:14: max_payload: found -1, expected 1 to 2147483647 bytes, such as 65536 or 64KB\n"
      "t.conf:4:19: user: found 5, expected a text\n"
      "t.conf:6:1: found unknown key \"foo\", expected one that is known here");
}

TEST_CASE("config: of very many mistakes a hundred are said, and how many more there are") {
  const auto lines = [](const std::string& before, const std::string& after, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += before + std::to_string(i) + after + "\n";
    return out;
  };
  const auto last_of = [](const loaded& from) { return to_string(from.problems.back(), {}); };
  CHECK(read(lines("x", ": 1", 100)).problems.size() == 100);
  auto out = read(lines("x", ": 1", 5'000));
  REQUIRE(out.problems.size() == 101);
  CHECK(out.problems.at(99).at.line == 100);
  CHECK(last_of(out) == "found 4900 more errors");
  // The parser gives up much earlier than the file ends.
  out = read(lines("x: ", " 2", 5'000));
  REQUIRE(out.problems.size() == 101);
  CHECK(last_of(out).starts_with("found at least 9"));
  // Warnings hide no error.
  const auto users = "accounts {\n" + lines("a", ": { jetstream: false }", 500) + "}\n";
  out = read(users + "port: x\n");
  REQUIRE(out.problems.size() == 102);
  CHECK(out.has_errors());
  CHECK(out.problems.at(100).at.line == 503);
  CHECK(last_of(out) == "found 400 more warnings");
  CHECK_FALSE(read(users).has_errors());
}

TEST_CASE("config: an unknown key that is used as a variable is fine") {
  CHECK(good("P: 7000\nport: $P").node.port == 7000);
  CHECK(good("authorization { pw: secret, user: a, pass: $pw }").node.access.password == "secret");
}

TEST_CASE("config: a bare number as a duration is seconds, with a warning; 2m is two million") {
  const auto bare = read("ping_interval: 30");
  CHECK(bare.options.node.ping_interval == 30s);
  CHECK_FALSE(bare.has_errors());
  CHECK(wrong("ping_interval: 2m") ==
        "warning: t.conf:1:16: ping_interval: found 2m, which is taken as 2000000s; expected a "
        "duration above zero, such as \"2m\"");
}

TEST_CASE("config: options that contradict each other are named where they stand") {
  CHECK(wrong("max_pending: 1000\nmax_payload: 2000") ==
        "t.conf:2:1: found max_payload 2000, expected no more than max_pending, which is 1000");
  CHECK(wrong("max_pending: 1000").starts_with("t.conf:1:1: found max_payload 1048576"));
  CHECK(wrong("lame_duck_duration: 30s\nlame_duck_grace_period: 30s").starts_with("t.conf:2:1: "));
  CHECK(wrong("authorization { user: a, password: b, token: c }").find("user and token") !=
        std::string::npos);
  CHECK(wrong("authorization { token: c, users: [{user: a, password: b}] }")
            .find("token beside users") != std::string::npos);
  CHECK(wrong("no_auth_user: x") ==
        "t.conf:1:1: no_auth_user: found \"x\", expected one of the users");
  CHECK(wrong("authorization { users: [ {user: a, password: b}\n {user: a, password: c} ] }") ==
        "t.conf:2:2: found user \"a\" a second time, first in line 1");
  CHECK(wrong("accounts { A { users: [{user: a, password: b}] }\n B { users: [{user: a, "
              "password: b}] } }")
            .starts_with("t.conf:2:14: found user \"a\" a second time"));
}

TEST_CASE("config: a password without a user is doubtful, as it lets everybody in") {
  const std::string said = "found a password without a user, which nobody is asked for";
  CHECK(wrong("authorization { password: x }") == "warning: t.conf:1:1: " + said);
  CHECK(wrong("authorization { user: a, password: x }").empty());
  const auto by_flag = interpret(parse_text("port: 1", "t.conf", no_world()),
                                 [](settings& to) { to.node.access.password = "x"; });
  REQUIRE(by_flag.problems.size() == 1);
  CHECK(by_flag.problems.front().is_warning);
  CHECK(to_string(by_flag.problems.front(), by_flag.files) == said);
}

TEST_CASE("config: two listeners on one port are doubtful") {
  const auto pair = [](std::string_view first, std::string_view second) {
    return wrong(std::string(first) + "\nws { no_tls: true, " + std::string(second) + " }");
  };
  CHECK(pair("port: 5000", "port: 5000") ==
        "warning: t.conf:2:20: websocket: found port 5000, which is that of clients by TCP as "
        "well, expected another one");
  CHECK(pair("port: 0", "listen: \"127.0.0.1:4222\"").find("warning: t.conf:2:20: ") == 0);
  CHECK(pair("listen: \"127.0.0.1:5000\"", "port: 5000") != "");
  CHECK(pair("listen: \"127.0.0.1:5000\"", "listen: \"127.0.0.2:5000\"") == "");
  CHECK(pair("port: 5000", "port: 5001") == "");
  CHECK(pair("port: -1", "port: -1") == "");
}

TEST_CASE("config: files that can't be written are doubtful") {
  const temporary_file file("");
  CHECK(
      wrong("log_file: '/none/log'\npid_file: '/none/pid'\nports_file_dir: '/none'") ==
      "warning: t.conf:1:1: log_file: found \"/none/log\", where nothing can be written (No such "
      "file or directory)\n"
      "warning: t.conf:2:1: pid_file: found \"/none/pid\", where nothing can be written (No such "
      "file or directory)\n"
      "warning: t.conf:3:1: ports_file_dir: found \"/none\", where nothing can be written (No such "
      "file or directory)");
  for (const std::string_view option : {"log_file", "pid_file"}) {
    CAPTURE(option);
    const auto with = [&](const std::string& path) {
      return wrong(std::string(option) + ": '" + path + "'");
    };
    CHECK(with("/").find("(Is a directory)") != std::string::npos);
    CHECK(with(file.path() + "/x").find("(Not a directory)") != std::string::npos);
    CHECK(with(file.path()) == "");
    CHECK(with(file.path() + ".new") == "");
  }
  CHECK(wrong("log_file: '/dev/null'") == "");
  CHECK(wrong("ports_file_dir: '" + file.path() + "'").find("(Not a directory)") !=
        std::string::npos);
}

TEST_CASE("config: what is wrong with a whole block is said at its key") {
  CHECK(wrong("port: -1, websocket { port: -1 }") ==
        "t.conf:1:11: websocket: found neither tls nor no_tls, expected one of both");
  CHECK(wrong("websocket {\n  port: -1, tls { timeout: 2 }\n}").find("t.conf:2:13: websocket: ") ==
        0);
  CHECK(wrong("ws {\n  port: -1, no_tls: true\n  no_auth_user: z\n}") ==
        "t.conf:3:3: websocket: found no_auth_user \"z\", expected one of the users");
  CHECK(wrong("authorization { users: [ {user: a, password: b} ] }\n"
              "ws { port: -1, no_tls: true,\n  authentication { token: x } }") ==
        "t.conf:3:3: websocket: found a token of its own beside users, expected one of both");
}

TEST_CASE("config: what flags say is checked together with the file") {
  const auto out = interpret(parse_text("max_payload: 2000", "t.conf", no_world()),
                             [](settings& s) { s.node.max_pending = 1000; });
  REQUIRE(out.problems.size() == 1);
  CHECK(to_string(out.problems.front(), out.files).starts_with("t.conf:1:1: found max_payload"));
  document none;
  none.root.what = kind::map;
  const auto flags_only = interpret(none, [](settings& s) { s.node.max_pending = 1000; });
  REQUIRE(flags_only.problems.size() == 1);
  CHECK(to_string(flags_only.problems.front(), flags_only.files) ==
        "found max_payload 1048576, expected no more than max_pending, which is 1000");
}

TEST_CASE("config: credentials of flags beside those of the file count as nats-server has it") {
  struct row {
    std::string file;
    std::string user;
    std::string token;
    std::string said;
    std::string left_user;
    std::string left_token;
  };
  const std::string users = "port: 1\nauthorization { users: [ {user: a, password: b} ] }";
  const std::string accounts = "accounts { A { users: [ {user: a, password: b} ] } }";
  const std::string refused = " beside users of accounts in \"t.conf\", expected one of both";
  for (const auto& [file, user, token, said, left_user, left_token] : std::vector<row>{
           {users, "u", "", "found --user beside users in \"t.conf\": only those count", "", ""},
           {users, "", "t", "found --auth beside users in \"t.conf\": both count", "", "t"},
           {"authorization { token: x }", "u", "",
            "found --user beside a token in \"t.conf\": only the token counts", "", "x"},
           {"authorization { user: x, password: y }", "", "t",
            "found --auth beside a user in \"t.conf\": only the token counts", "", "t"},
           {"port: 1", "u", "t", "found --user beside --auth: only the token counts", "", "t"},
           {"authorization { user: x, password: y }", "u", "", "", "u", ""},
           {"authorization { token: x }", "", "t", "", "", "t"},
           {"accounts [A]", "u", "", "", "u", ""},
           {accounts, "u", "", "found --user" + refused, "", ""},
           {accounts, "", "t", "found --auth" + refused, "", ""},
       }) {
    CAPTURE(file);
    CAPTURE(said);
    const auto out = interpret(parse_text(file, "t.conf", no_world()), [&](settings& to) {
      if (!user.empty()) to.node.access.user = user;
      if (!user.empty()) to.node.access.password = "p";
      if (!token.empty()) to.node.access.token = token;
    });
    REQUIRE(out.problems.size() == (said.empty() ? 0 : 1));
    if (!said.empty()) CHECK(to_string(out.problems.front(), out.files) == said);
    CHECK(out.has_errors() == said.ends_with(refused));
    CHECK(out.options.node.access.user == left_user);
    CHECK(out.options.node.access.token == left_token);
  }
}

TEST_CASE("config: the system account is one of the accounts") {
  CHECK(wrong("port: 1\nsystem_account: SYZ\naccounts { SYS {}, A {} }") ==
        "t.conf:2:17: system_account: found \"SYZ\", expected one of the accounts; did you mean "
        "SYS?");
  CHECK(wrong("system_account: B") ==
        "t.conf:1:17: system_account: found \"B\", expected one of the accounts");
  CHECK(wrong("system_account: '$SYS'").find("found \"$SYS\"") != std::string::npos);
  CHECK(wrong("system_account: B, no_system_account: true").find("found \"B\"") !=
        std::string::npos);
  CHECK(wrong("accounts [B], system: B") == "");
  CHECK(wrong("system_account: '$G'") == "");
}

TEST_CASE("config: users have a name and a password, or an nkey") {
  const auto access = good(
                          "authorization { users: [ {user: a, password: b}, {username: c, pass: "
                          "d}, {nkey: " +
                          std::string(user_key) + "} ] }")
                          .node.access;
  REQUIRE(access.users.size() == 3);
  CHECK(access.users[0].name == "a");
  CHECK(access.users[0].password == "b");
  CHECK(access.users[0].may == nullptr);
  CHECK(access.users[0].account.empty());
  CHECK(access.users[1].name == "c");
  CHECK(access.users[2].nkey == user_key);
  CHECK(wrong("authorization { users: [ {password: b} ] }").find("a user without a name") !=
        std::string::npos);
  CHECK(wrong("authorization { users: [ {user: a, nkey: " + std::string(user_key) + "} ] }")
            .find("expected one of both") != std::string::npos);
  CHECK(wrong("authorization { users: [ {nkey: UABC} ] }").find("begin with U") !=
        std::string::npos);
  CHECK(wrong("authorization { users: {} }").find("expected a list of users") != std::string::npos);
}

TEST_CASE("config: what the environment has is in no error") {
  const surroundings world{no_world().read, [](const std::string& name) {
                             return std::optional<std::string>(name == "LIST"
                                                                   ? "[ {user: 778899}, SECRET ]"
                                                               : name == "NUMBER" ? "778899"
                                                                                  : "SECRET");
                           }};
  const auto said = [&world](std::string_view text) {
    const auto out = interpret(parse_text(text, "t.conf", world));
    REQUIRE_FALSE(out.problems.empty());
    std::string all;
    for (const auto& each : out.problems) all += to_string(each, out.files) + '\n';
    return all;
  };
  CHECK(
      said("port: $TEXT") ==
      "t.conf:1:7: port: found a text from the environment, expected a port from 1 to 65535, or -1 "
      "for any free one\n");
  for (const std::string written :
       {"port: $NUMBER", "x: $TEXT\nport: $x", "authorization { users: $TEXT }",
        "authorization { users: $LIST }", "cluster { name: $NUMBER, routes: $TEXT }",
        "operator: $TEXT", "http: $TEXT", "remote_syslog: $TEXT", "no_auth_user: $NUMBER"}) {
    const auto errors = said(written);
    CAPTURE(errors);
    CHECK(errors.find("SECRET") == std::string::npos);
    CHECK(errors.find("778899") == std::string::npos);
  }
}

TEST_CASE("config: of a variable that is no secret by its kind, its name and kind are said") {
  const auto said = [](const std::string& content, std::string_view text) {
    const surroundings world{no_world().read, [&content](const std::string&) {
                               return std::optional<std::string>(content);
                             }};
    const auto out = interpret(parse_text(text, "t.conf", world));
    REQUIRE(out.problems.size() == 1);
    return to_string(out.problems.front(), out.files);
  };
  constexpr std::string_view text = "authorization { user: a, password: $APP_PW }";
  const auto message = [](const std::string& kind) {
    return "t.conf:1:36: password: found " + kind +
           " as the value of the variable $APP_PW, expected a text; quotes within quotes make one "
           "of it: APP_PW='\"…\"' in the environment";
  };
  CHECK(said("123456", text) == message("a whole number"));
  CHECK(said("1.5", text) == message("a number with a point"));
  CHECK(said("yes", text) == message("true or false"));
  CHECK(said("", "PW: 12\nauthorization { user: a, password: $PW }") ==
        "t.conf:2:36: password: found a whole number as the value of the variable $PW, expected a "
        "text; quote it where it is set");
}

TEST_CASE("config: a system's log elsewhere is a URL with a port") {
  for (const std::string url :
       {"udp://h:514", "tcp://127.0.0.1:1", "udp://[::1]:514", "udp://h:syslog", ""}) {
    CAPTURE(url);
    CHECK(good("remote_syslog: \"" + url + "\"").log.remote_syslog == url);
  }
  for (const std::string url : {"udp://x", "udp://x:", "udp://:514", "udp://[]:514", "http://x:514",
                                "x:514", "udp://x:0", "udp://x:65536", "udp://x:99999999999"}) {
    CAPTURE(url);
    CHECK(wrong("remote_syslog: \"" + url + "\"") ==
          "t.conf:1:16: remote_syslog: found \"" + url +
              "\", expected udp://host:port or tcp://host:port");
  }
}

TEST_CASE("config: a password is never in an error") {
  const auto text = wrong("authorization { users: [ {user: a, password: 12345} ] }");
  CHECK(text.find("password: found something else, expected a text; quote it") !=
        std::string::npos);
  CHECK(text.find("12345") == std::string::npos);
  CHECK(wrong("authorization { token: 777 }").find("777") == std::string::npos);
  for (const std::string written :
       {"leafnodes { authorization { password: 778899 } }",
        "gateway { authorization { token: 778899 } }",
        "leafnodes { remotes: [ { seed: 778899, proxy { password: 778899 } } ] }",
        "jetstream { key: 778899, prev_key: 778899 }", "default_sentinel: \"eyJ778899\"",
        "default_sentinel: 778899", "resolver: \"URL(http://u:778899@h/)\"",
        "authorization { users: [ {nkey: SU778899} ] }"}) {
    const auto said = wrong(written);
    CAPTURE(said);
    CHECK_FALSE(said.empty());
    CHECK(said.find("778899") == std::string::npos);
  }
}

TEST_CASE("config: permissions are subjects, lists, or allow and deny") {
  const auto of = [](const std::string& text) {
    const auto access =
        good("authorization { users: [ {user: a, password: b, permissions: " + text + " } ] }")
            .node.access;
    REQUIRE(access.users.at(0).may != nullptr);
    return *access.users[0].may;
  };
  using texts = std::vector<std::string>;
  CHECK(of("{ publish: a }").publish.allow == texts{"a"});
  CHECK(of("{ pub: [a, \"b.>\"] }").publish.allow == texts{"a", "b.>"});
  CHECK(of("{ import: { allow: a, deny: [b, c] } }").publish.deny == texts{"b", "c"});
  CHECK(of("{ subscribe: \"a q\" }").subscribe.allow == texts{"a q"});
  CHECK(of("{ sub: { deny: \"a.* q.>\" } }").subscribe.deny == texts{"a.* q.>"});
  CHECK(of("{ subscribe: { deny: x } }").subscribe.allow == std::nullopt);
  CHECK(of("{ publish: [], subscribe: { allow: [] } }") == permissions());
  CHECK(of("{ allow_responses: true }").responses == response_rules());
  CHECK(of("{ allow_responses: false }").responses == std::nullopt);
  CHECK(of("{ allow_responses: { max: 5, expires: \"1m\" } }").responses ==
        response_rules{5, 1min});
  CHECK(of("{ publish_allow_responses: { max_msgs: -1, ttl: \"10s\" } }").responses ==
        response_rules{-1, 10s});
  CHECK(of("{ allow_responses: { expires: \"-1s\" } }").responses == response_rules{1, -1s});
  for (const std::string text :
       {"{ publish: \"a b\" }", "{ publish: \"a..b\" }", "{ publish: 5 }",
        "{ subscribe: \"a b c\" }", "{ subscribe: { allow: [\"a.\"] } }"}) {
    CAPTURE(text);
    CHECK(wrong("authorization { users: [ {user: a, password: b, permissions: " + text + "} ] }")
              .find("expected a subject") != std::string::npos);
  }
}

TEST_CASE("config: default permissions are for users without any, wherever they stand") {
  const auto access = good(R"(
    authorization {
      users: [ {user: a, password: p}, {user: b, password: p, permissions: {publish: own}} ]
      default_permissions: { publish: default }
    }
    accounts { A { users: [ {user: c, password: p} ], default_permissions { publish: of_a } }
               B { users: [ {user: d, password: p} ] } })")
                          .node.access;
  REQUIRE(access.users.size() == 4);
  CHECK(access.users[0].may->publish.allow->front() == "default");
  CHECK(access.users[1].may->publish.allow->front() == "own");
  CHECK(access.users[2].may->publish.allow->front() == "of_a");
  CHECK(access.users[2].account == "A");
  CHECK(access.users[3].may == nullptr);
}

TEST_CASE("config: connection types are a list of words") {
  const auto types = [](const std::string& text) {
    return good("authorization { users: [ {user: a, password: b, " + text + "} ] }")
        .node.access.users.at(0)
        .allowed;
  };
  CHECK(types("clients: []") == connection_types());
  CHECK(types("allowed_connection_types: [standard, \"WEBSOCKET\"]") ==
        connection_types{connection_type::standard, connection_type::websocket});
  CHECK(wrong("authorization { users: [ {user: a, password: b, connection_types: [carrier]} ] }")
            .find("found \"carrier\", expected STANDARD, WEBSOCKET") != std::string::npos);
}

TEST_CASE("config: accounts have limits and users, or are just names") {
  const auto access = good(R"(accounts {
    A { limits { max_conn: 3, max_subs: 4, max_pay: 1k, max_leafs: 1 } }
    "B c" {}
  })")
                          .node.access;
  REQUIRE(access.accounts.size() == 2);
  CHECK(access.accounts[0].max_connections == 3);
  CHECK(access.accounts[0].max_subscriptions == 4);
  CHECK(access.accounts[0].max_payload == 1000);
  CHECK(access.accounts[1].name == "B c");
  CHECK(access.accounts[1].max_connections == -1);
  CHECK(good("accounts: [A, B]").node.access.accounts.size() == 2);
  CHECK(wrong("accounts: [A, A]").find("account \"A\" a second time") != std::string::npos);
  CHECK(wrong("accounts { $G {} }").find("the name of the default account") != std::string::npos);
  CHECK(wrong("accounts { A { exports: [ { stream: x } ] } }").find("not supported yet") !=
        std::string::npos);
  CHECK(wrong("accounts { A { jetstream: enabled } }").find("is not offered") != std::string::npos);
}

TEST_CASE("config: a mapping is a subject, a destination with a weight, or a list of these") {
  using list = std::vector<mapping_options>;
  const auto of = [](const std::string& text) { return good(text).node.access.mappings; };
  CHECK(of("mappings {}").empty());
  CHECK(of("mappings { a: b, \"c.*\": \"d.$1\" }") ==
        list{{"a", {{"b", 100, ""}}}, {"c.*", {{"d.$1", 100, ""}}}});
  CHECK(of("maps { a: { destination: b, weight: 50 } }") == list{{"a", {{"b", 50, ""}}}});
  CHECK(of("mappings { a: { DEST: b, Weight: 50%, cluster: c } }") ==
        list{{"a", {{"b", 50, "c"}}}});
  CHECK(of("mappings { a: [ {dest: b, weight: \"30%\"}, {dest: c, weight: \"70\"} ] }") ==
        list{{"a", {{"b", 30, ""}, {"c", 70, ""}}}});
  CHECK(of("mappings { a: [ {dest: b, weight: 60}, {dest: c, weight: 60, cluster: x} ] }") ==
        list{{"a", {{"b", 60, ""}, {"c", 60, "x"}}}});
  CHECK(of("mappings { a: { dest: a, weight: 0 } }") == list{{"a", {{"a", 0, ""}}}});
  CHECK(of("mappings { a: [] }") == list{{"a", {}}});
  CHECK(of("mappings { a: b, d: e }\nmaps { a: c }") ==
        list{{"a", {{"c", 100, ""}}}, {"d", {{"e", 100, ""}}}});
  const auto access = good("accounts { A { mappings { a: b } }, B { maps { c: d } } }").node.access;
  CHECK(access.mappings.empty());
  CHECK(access.accounts.at(0).mappings == list{{"a", {{"b", 100, ""}}}});
  CHECK(access.accounts.at(1).mappings == list{{"c", {{"d", 100, ""}}}});
}

TEST_CASE("config: an account says where sampled messages are told of") {
  const auto of = [](const std::string& text) {
    return good("accounts { A { " + text + " } }").node.access.accounts.front();
  };
  CHECK(of("").trace_destination.empty());
  CHECK(of("msg_trace {}").trace_destination.empty());
  CHECK(of("msg_trace: t.a").trace_destination == "t.a");
  CHECK(of("trace_dest: t.a").trace_sampling == 100);
  const auto sampled = of("msg_trace { dest: t, sampling: 25% }");
  CHECK(sampled.trace_destination == "t");
  CHECK(sampled.trace_sampling == 25);

  const auto wrong_in = [](const std::string& text) {
    return wrong("accounts { A { msg_trace: " + text + " } }");
  };
  const std::string no_subject = ", expected a subject without wildcards";
  CHECK(wrong_in("\"t.*\"") == "t.conf:1:27: msg_trace: found \"t.*\"" + no_subject);
  CHECK(wrong_in("{dest: \"a b\"}") == "t.conf:1:34: dest: found \"a b\"" + no_subject);
  CHECK(wrong_in("5") == "t.conf:1:27: msg_trace: found 5" + no_subject);
  CHECK(wrong_in("{dest: t, sampling: 0}") ==
        "t.conf:1:47: sampling: found 0, expected 1 to 100 percent, such as 50 or \"50%\"");
  CHECK(wrong_in("{sampling: 5}") ==
        "t.conf:1:27: msg_trace: found a map without dest, expected { dest: a subject, sampling: "
        "… }");
}

TEST_CASE("config: what is wrong in a mapping is said where it stands, all of it") {
  struct row {
    std::string text;
    std::string error;
  };
  const std::string any = "a subject, a map { destination: …, weight: … } or a list of such maps";
  const std::string a_map = "a map { destination: …, weight: … }";
  const std::string percent = "0 to 100 percent, such as 50 or \"50%\"";
  const std::vector<row> rows{
      {"mappings: []",
       "t.conf:1:11: mappings: found a list, expected a map { source: destination, … }"},
      {"maps: 5", "t.conf:1:7: maps: found 5, expected a map { source: destination, … }"},
      {"mappings { a: 5 }", "t.conf:1:15: a: found 5, expected " + any},
      {"mappings { a: true }", "t.conf:1:15: a: found true, expected " + any},
      {"mappings { a: [ b ] }", "t.conf:1:17: a: found \"b\", expected " + a_map},
      {"mappings { a: { dest: b } }",
       "t.conf:1:15: a: found a map without weight, expected " + a_map},
      {"mappings { a: { weight: 5 } }",
       "t.conf:1:15: a: found a map without destination, expected " + a_map},
      {"mappings { a: {} }", "t.conf:1:15: a: found a map without destination, expected " + a_map},
      {"mappings { a: { dest: 5, weight: 5 } }", "t.conf:1:23: dest: found 5, expected a subject"},
      {"mappings { a: { dest: b, weight: 5, cluster: 5 } }",
       "t.conf:1:46: cluster: found 5, expected a text"},
      {"mappings { a: { dest: b, weight: 5, wait: 5 } }",
       "t.conf:1:37: a: found unknown key \"wait\", expected one that is known here"},
      {"mappings { a: { dest: b, weight: 101 } }",
       "t.conf:1:34: weight: found 101, expected " + percent},
      {"mappings { a: { dest: b, weight: -1 } }",
       "t.conf:1:34: weight: found -1, expected " + percent},
      {"mappings { a: { dest: b, weight: 1k } }",
       "t.conf:1:34: weight: found 1k, expected " + percent},
      {"mappings { a: { dest: b, weight: 1.5 } }",
       "t.conf:1:34: weight: found 1.5, expected " + percent},
      {"mappings { a: { dest: b, weight: \"1.5%\" } }",
       "t.conf:1:34: weight: found \"1.5%\", expected " + percent},
      {"mappings { a: { dest: b, weight: \"%\" } }",
       "t.conf:1:34: weight: found \"%\", expected " + percent},
      {"mappings { a: { dest: b, weight: \" 5%\" } }",
       "t.conf:1:34: weight: found \" 5%\", expected " + percent},
      {"mappings { a: [ {dest: b, weight: 50}, {dest: c, weight: 51} ] }",
       "t.conf:1:40: a: found weights that add up to 101 here, expected no more than 100"},
      {"mappings { a: [ {dest: b, weight: 90, cluster: x}, {dest: c, weight: 90, cluster: x} ] }",
       "t.conf:1:52: a: found weights for cluster \"x\" that add up to 180 here, expected no more "
       "than 100"},
      {"mappings { a: [ {dest: b, weight: 5}, {dest: b, weight: 5, cluster: x} ] }",
       "t.conf:1:46: a: found \"b\" a second time, expected each destination once"},
      {"mappings { a..b: c }",
       "t.conf:1:12: mappings: found \"a..b\", expected a subject, such as \"orders.*\""},
      {"mappings { a: \"\" }", "t.conf:1:15: a: found \"\", expected a subject"},
      {"mappings { \"a.*\":\n \"b.$2\" }",
       "t.conf:2:2: a.*: found wildcard 2 in \"$2\", expected 1, because \"a.*\" has 1 \"*\""},
      {"mappings { \"a.*\": [\n{ weight: 5, dest: \"b.{{nope(1)}}\" } ] }",
       "t.conf:2:20: a.*: found \"nope\" in \"{{nope(1)}}\", expected one of wildcard, partition, "
       "split, splitfromleft, splitfromright, slicefromleft, slicefromright, left, right and "
       "random"},
      {"mappings { a: 5\n b: { dest: c }\n d: \"e.*\" }",
       "t.conf:1:15: a: found 5, expected " + any +
           "\nt.conf:2:5: b: found a map without weight, expected " + a_map +
           "\nt.conf:3:5: d: found \"*\" in \"e.*\", expected a wildcard by its number, as in "
           "\"$1\""},
      {"accounts { A { maps { a: 5 } } }", "t.conf:1:26: a: found 5, expected " + any},
  };
  for (const auto& each : rows) {
    CAPTURE(each.text);
    CHECK(wrong(each.text) == each.error);
  }
}

TEST_CASE("config: what we don't have is checked for its form, and refused by name") {
  for (const std::string text : {
           "cluster { port: 6222 }",
           "leafnodes { remotes: [ { url: \"nats://h\" } ] }",
           "gateway { name: a, port: 1 }",
           "operator: \"f.jwt\"",
           "resolver: MEMORY",
           "trusted_keys: [ OABC ]",
           "authorization { auth_callout { issuer: A } }",
       }) {
    CAPTURE(text);
    CHECK(read(text).has_errors());
    CHECK(wrong(text).find("not supported yet") != std::string::npos);
  }
  CHECK(wrong("cluster { prot: 1 }").find("did you mean port?") != std::string::npos);
  CHECK(wrong("cluster { port: x }").find("port: found \"x\", expected a number") !=
        std::string::npos);
  CHECK(wrong("leafnodes { remotes: [ { urll: x } ] }").find("did you mean url?") !=
        std::string::npos);
  CHECK(wrong("cluster {}").empty());
}

TEST_CASE("config: JetStream and MQTT keep a server from starting, their settings don't") {
  for (const std::string text : {"jetstream: true", "jetstream: enabled", "jetstream {}",
                                 "jetstream { store_dir: d }", "mqtt { port: 1883 }"}) {
    CAPTURE(text);
    CHECK(read(text).has_errors());
    CHECK(wrong(text).find("is not offered: what clients believe stored would be lost") !=
          std::string::npos);
  }
  for (const std::string text :
       {"jetstream: false", "jetstream: disabled", "jetstream { enabled: false }", "store_dir: d",
        "default_js_domain { A: d }", "mqtt { ack_wait: \"1s\" }"}) {
    CAPTURE(text);
    CHECK_FALSE(read(text).has_errors());
    CHECK(wrong(text).starts_with("warning: "));
  }
  CHECK(wrong("jetstream: maybe").find("expected true, false") != std::string::npos);
}

TEST_CASE("config: profiling is missed, but nothing is lost without it") {
  CHECK_FALSE(read("prof_port: 1").has_errors());
  CHECK(wrong("prof_port: 1").find("which is ignored: not supported yet") != std::string::npos);
}

TEST_CASE("config: the pages of monitoring come by HTTP or by HTTPS") {
  CHECK(wrong("http: 8222\nhttps: 8443\ntls {}")
            .find("t.conf:2:1: found http_port 8222 and https_port 8443, expected one of both") !=
        std::string::npos);
  CHECK(wrong("https_port: 8443")
            .find("t.conf:1:1: found https_port without tls, whose certificates it takes") !=
        std::string::npos);
  CHECK(wrong("http: \"127.0.0.1:0\", http: 0").empty());
}

TEST_CASE("config: options of monitoring that can't be") {
  CHECK(wrong("http: localhost").starts_with("t.conf:1:7: http: found \"localhost\", expected a "));
  CHECK(wrong("http: true").starts_with("t.conf:1:7: http: found true, expected a port, or"));
  CHECK(wrong("http_port: \"8222\"").starts_with("t.conf:1:12: http_port: found \"8222\""));
  CHECK(wrong("monitor_port: 70000").starts_with("t.conf:1:15: monitor_port: found 70000"));
  CHECK(wrong("http_base_path: \"/a b\"").find("expected a path of plain letters") !=
        std::string::npos);
  CHECK(wrong("max_closed_clients: -1").find("expected 0 or more") != std::string::npos);
  CHECK(wrong("server_tags: [a, 5]").find("found 5, expected a text") != std::string::npos);
  CHECK(wrong("server_metadata: a").find("expected a map") != std::string::npos);
  CHECK(wrong("server_metadata { a: 5 }") ==
        "t.conf:1:22: server_metadata: found 5, expected a text");
}

TEST_CASE(
    "config: where monitoring is takes a restart to change, what it says of a server doesn't") {
  const auto changed = [](const std::string& before, const std::string& after) {
    const auto all = compare(good("port: 1\n" + before), good("port: 1\n" + after));
    REQUIRE(all.size() == 1);
    return std::string(to_string(all.front().when)) + ' ' + to_string(all.front());
  };
  CHECK(changed("http: 2", "http: 3") == "restart http_port: 2 is now 3");
  CHECK(changed("http: \"a:2\"", "http: \"b:2\"") == "restart http: a is now b");
  CHECK(changed("", "http_base_path: /x") == "restart http_base_path: nothing is now /x");
  CHECK(changed("", "max_closed_clients: 5") == "restart max_closed_clients: 10000 is now 5");
  CHECK(changed("server_tags: a", "server_tags: [a, b]") == "live server_tags: a is now a, b");
  CHECK(changed("server_metadata {a: b}", "") == "live server_metadata");
}

TEST_CASE("config: a port that is taken already is doubtful") {
  CHECK(wrong("port: 5000, http: 5000") ==
        "warning: t.conf:1:13: http: found port 5000, which is that of clients by TCP as well, "
        "expected another one");
  CHECK(wrong("http: 5000, websocket { port: 5000, no_tls: true }")
            .find("which is that of websocket as well") != std::string::npos);
  CHECK(wrong("host: 127.0.0.1, port: 5000, http: \"127.0.0.2:5000\"").empty());
}

TEST_CASE("config: the reference names every option of a block") {
  const auto text = reference();
  for (const std::string_view part :
       {"| `host`, `net`, `addr` | text | `0.0.0.0` |", "### `authorization.users.permissions`",
        "### `accounts.limits`", "| `max_payload` | size | `1MB` |", "`jetstream`",
        "| `allow` | subject or list |"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}
