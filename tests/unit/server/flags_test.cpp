#include "flags.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::server::daemon;
using nuncio::server::config::log_settings;
using nuncio::server::config::settings;
using namespace std::chrono_literals;

namespace {

outcome parsed(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv{"nuncio-server"};
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  return parse_flags(static_cast<int>(argv.size()), argv.data());
}

settings run(const std::vector<std::string>& arguments) {
  const auto out = parsed(arguments);
  CAPTURE(out.text);
  REQUIRE(out.what == outcome::kind::run);
  settings all;
  out.options.apply(all);
  return all;
}

std::string refused(const std::vector<std::string>& arguments) {
  const auto out = parsed(arguments);
  REQUIRE(out.what == outcome::kind::print_and_exit);
  CHECK(out.exit_status == 1);
  CHECK(out.to_stderr);
  CHECK(out.text.starts_with("nuncio-server: "));
  CHECK(out.text.find('\n') == out.text.size() - 1);
  return out.text;
}

/// Every way to write a flag with a value.
std::vector<std::vector<std::string>> spellings(std::string_view name, const std::string& value) {
  const std::string one = "-" + std::string(name);
  const std::string two = "-" + one;
  return {{one, value}, {two, value}, {one + "=" + value}, {two + "=" + value}};
}

struct value_row {
  std::vector<std::string_view> names;
  std::string value;
  std::function<bool(const settings&)> is_set;
};

struct toggle_row {
  std::vector<std::string_view> names;
  std::vector<bool log_settings::*> members;
};

}  // namespace

TEST_CASE("flags: without any, the defaults hold") {
  const auto options = run({});
  CHECK(options.node.host == "0.0.0.0");
  CHECK(options.node.port == 4222);
  CHECK(options.node.name.empty());
  CHECK(options.log.time);
  CHECK_FALSE(options.log.debug);
  CHECK(options.node.shards == 0);
  CHECK(options.node.max_payload == 1048576);
  CHECK(options.node.max_pending == 67108864);
  CHECK(options.node.max_control_line == 4096);
  CHECK(options.node.max_connections == 65536);
  CHECK(options.node.max_subscriptions == 0);
  CHECK(options.node.ping_interval == 2min);
  CHECK(options.node.write_deadline == 10s);
  CHECK(options.node.busy_poll == 200us);
}

TEST_CASE("flags: each flag with a value is read in every spelling") {
  const std::vector<value_row> rows{
      {{"a", "addr", "net"}, "::1", [](const settings& s) { return s.node.host == "::1"; }},
      {{"p", "port"}, "1", [](const settings& s) { return s.node.port == 1; }},
      {{"p", "port"}, "-1", [](const settings& s) { return s.node.port == -1; }},
      {{"n", "name", "server_name"}, "x.y", [](const settings& s) { return s.node.name == "x.y"; }},
      {{"P", "pid"}, "f.pid", [](const settings& s) { return s.pid_file == "f.pid"; }},
      {{"ports_file_dir"}, "d", [](const settings& s) { return s.ports_file_dir == "d"; }},
      {{"l", "log"}, "-file", [](const settings& s) { return s.log.file == "-file"; }},
      {{"shards"}, "3", [](const settings& s) { return s.node.shards == 3; }},
      {{"shards"}, "auto", [](const settings& s) { return s.node.shards == 0; }},
      {{"max_payload"}, "1024", [](const settings& s) { return s.node.max_payload == 1024; }},
      {{"max_pending"}, "128MB", [](const settings& s) { return s.node.max_pending == 128 << 20; }},
      {{"max_control_line"},
       "8k",
       [](const settings& s) { return s.node.max_control_line == 8000; }},
      {{"max_connections"}, "-1", [](const settings& s) { return s.node.max_connections == -1; }},
      {{"max_subscriptions"}, "7", [](const settings& s) { return s.node.max_subscriptions == 7; }},
      {{"max_traced_msg_len"}, "9", [](const settings& s) { return s.node.max_traced_size == 9; }},
      {{"ping_interval"}, "250ms", [](const settings& s) { return s.node.ping_interval == 250ms; }},
      {{"write_deadline"}, "5", [](const settings& s) { return s.node.write_deadline == 5s; }},
      {{"busy_poll"}, "20us", [](const settings& s) { return s.node.busy_poll == 20us; }},
      {{"busy_poll"}, "0", [](const settings& s) { return s.node.busy_poll == 0us; }},
  };
  for (const auto& row : rows) {
    for (const auto name : row.names) {
      for (const auto& words : spellings(name, row.value)) {
        CAPTURE(words.front());
        CHECK(row.is_set(run(words)));
      }
    }
  }
}

TEST_CASE("flags: each switch is read in every spelling, on and off") {
  const std::vector<toggle_row> rows{
      {{"D", "debug"}, {&log_settings::debug}},
      {{"V", "trace"}, {&log_settings::trace}},
      {{"T", "logtime"}, {&log_settings::time}},
      {{"logtime_utc"}, {&log_settings::utc}},
      {{"VV"}, {&log_settings::trace, &log_settings::trace_verbose}},
      {{"DV"}, {&log_settings::debug, &log_settings::trace}},
      {{"DVV"}, {&log_settings::debug, &log_settings::trace, &log_settings::trace_verbose}},
  };
  for (const auto& row : rows) {
    for (const auto name : row.names) {
      for (const std::string dashes : {"-", "--"}) {
        const auto flag = dashes + std::string(name);
        CAPTURE(flag);
        for (const auto member : row.members) {
          CHECK(run({flag}).log.*member);
          CHECK(run({flag + "=true"}).log.*member);
          CHECK(run({flag + "=1"}).log.*member);
          CHECK_FALSE(run({flag + "=false"}).log.*member);
          CHECK_FALSE(run({flag + "=F"}).log.*member);
        }
      }
    }
  }
}

TEST_CASE("flags: the combined switches set nothing else") {
  CHECK_FALSE(run({"-DV"}).log.trace_verbose);
  CHECK_FALSE(run({"-VV"}).log.debug);
  CHECK(run({"-DVV", "-D=false"}).log.trace_verbose);
  CHECK_FALSE(run({"-DVV", "-D=false"}).log.debug);
}

TEST_CASE("flags: many flags may be mixed, and the last of several wins") {
  const auto options = run(
      {"-a", "127.0.0.1", "--port=-1", "-D", "-n=one", "--name", "two", "-shards", "2", "-V=0"});
  CHECK(options.node.host == "127.0.0.1");
  CHECK(options.node.port == -1);
  CHECK(options.log.debug);
  CHECK(options.node.name == "two");
  CHECK(options.node.shards == 2);
  CHECK_FALSE(options.log.trace);
}

TEST_CASE("flags: odd values arrive as they are") {
  CHECK(run({"-n", ""}).node.name.empty());
  CHECK(run({"-n="}).node.name.empty());
  CHECK(run({"-n", "x", "-n="}).node.name.empty());
  CHECK(run({"-n=", "-D"}).log.debug);
  CHECK(run({"-n", "--debug"}).node.name == "--debug");
  CHECK(run({"-n=a=b"}).node.name == "a=b");
  CHECK(run({"-n", "[a,b]"}).node.name == "[a,b]");
  CHECK(run({"-n", "{}"}).node.name == "{}");
  CHECK(run({"-n", "\"q\""}).node.name == "\"q\"");
  CHECK(run({"-n", "a,c"}).node.name == "a,c");
  CHECK(refused({"-n", "a c"}).find("expected a name without blanks") != std::string::npos);
  CHECK(run({"-n", "--"}).node.name == "--");
  CHECK(run({"-n", "%%"}).node.name == "%%");
}

TEST_CASE("flags: an empty address and port 0 mean the default") {
  CHECK(run({"-a", ""}).node.host == "0.0.0.0");
  CHECK(run({"-p", "0"}).node.port == 0);
}

TEST_CASE("flags: durations are Go's, and bare numbers are seconds") {
  CHECK(run({"--ping_interval", "1h30m"}).node.ping_interval == 90min);
  CHECK(run({"--ping_interval", "10"}).node.ping_interval == 10s);
  CHECK(run({"--ping_interval", "7ns"}).node.ping_interval == 1ms);  // never none
  for (const std::string text : {"", "0", "0s", "-1s", "1x", "99999999999h"}) {
    CAPTURE(text);
    CHECK(refused({"--ping_interval", text}).find("expected a duration above zero") !=
          std::string::npos);
  }
}

TEST_CASE("flags: sizes may have a unit") {
  struct row {
    std::string text;
    std::int64_t expected;
  };
  for (const auto& [text, expected] : {
           row{"65536", 65536},
           row{"64k", 64000},
           row{"64KB", 65536},
           row{"64ki", 65536},
           row{"64KiB", 65536},
           row{"1M", 1000000},
           row{"1mb", 1048576},
       }) {
    CAPTURE(text);
    CHECK(run({"--max_payload", text}).node.max_payload == expected);
  }
  CHECK(run({"--max_pending", "1tb"}).node.max_pending == 1099511627776);
  for (const std::string text : {"", "x", "1x", "1kk", "1 k", "0", "-1", "1.5k", "2147483648",
                                 "9223372036854775807k", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK(refused({"--max_payload", text}).find("expected 1 to 2147483647 bytes") !=
          std::string::npos);
  }
}

TEST_CASE("flags: a bad value is named with its flag as it was written") {
  CHECK(refused({"-port", "x"}) ==
        "nuncio-server: -port: expected a port from 1 to 65535, or -1 for any free one, found "
        "\"x\"\n");
  CHECK(refused({"--p=65536"}).starts_with("nuncio-server: --p: expected a port"));
  CHECK(refused({"-p", "-2"}).find("found \"-2\"") != std::string::npos);
  CHECK(refused({"-p", "x", "-p", "1"}).find("found \"x\"") != std::string::npos);
  CHECK(refused({"--shards", "0"}) ==
        "nuncio-server: --shards: expected auto, or a number from 1 to 1024, found \"0\"\n");
  CHECK(refused({"--max_connections=many"}).find("expected a whole number") != std::string::npos);
  for (const std::string flag : {"-D", "--logtime", "-VV", "-DVV", "-h"}) {
    CHECK(refused({flag + "=maybe"}) ==
          "nuncio-server: " + flag + ": expected true or false, found \"maybe\"\n");
  }
}

TEST_CASE("flags: a value that is missing is asked for") {
  CHECK(refused({"-D", "-p"}).starts_with("nuncio-server: -p needs a value, expected a port"));
  CHECK(refused({"--name"}).starts_with("nuncio-server: --name needs a value, expected a name"));
}

TEST_CASE("flags: a file is named by -c, and -t checks it") {
  const auto both = parsed({"-c", "a.conf", "-t"}).options;
  CHECK(both.config_file == "a.conf");
  CHECK(both.check_only);
  CHECK_FALSE(parsed({"--config=a.conf"}).options.check_only);
  CHECK(refused({"-t"}) == "nuncio-server: -t needs -c, the configuration file to check\n");
}

TEST_CASE("flags: a signal is for another server, and comes with whom") {
  CHECK(parsed({"--signal", "reload=17"}).options.signal == "reload=17");
  CHECK(parsed({"-sl=stop"}).options.signal == "stop");
  CHECK(refused({"-sl"}).starts_with("nuncio-server: -sl needs a value"));
}

TEST_CASE("flags: two configurations are compared by their names") {
  const auto both = parsed({"--check-reload", "a.conf", "b.conf"}).options;
  CHECK(both.config_file == "a.conf");
  CHECK(both.compared_file == "b.conf");
  CHECK(refused({"--check-reload", "a.conf"}).find("needs two values") != std::string::npos);
}

TEST_CASE("flags: credentials are those of the only user, or a token") {
  const auto user = run({"--user", "ivan", "--pass", "secret"}).node.access;
  CHECK(user.user == "ivan");
  CHECK(user.password == "secret");
  CHECK(run({"--auth", "t0k3n"}).node.access.token == "t0k3n");
}

TEST_CASE("flags: what is left out doesn't touch what a file said") {
  settings from_file;
  from_file.node.port = 7;
  from_file.log.debug = true;
  parsed({"-a", "", "-V"}).options.apply(from_file);
  CHECK(from_file.node.port == 7);
  CHECK(from_file.node.host == "0.0.0.0");
  CHECK(from_file.log.debug);
  CHECK(from_file.log.trace);
  parsed({"-D=false"}).options.apply(from_file);
  CHECK_FALSE(from_file.log.debug);
}

TEST_CASE("flags: an unknown flag is told the closest known one") {
  CHECK(refused({"--prot", "1"}) ==
        "nuncio-server: unknown flag --prot, expected one of --help; did you mean --port?\n");
  CHECK(refused({"-max_conections", "1"}).find("did you mean --max_connections?") !=
        std::string::npos);
  CHECK(refused({"--ping-interval=1"}).find("did you mean --ping_interval?") != std::string::npos);
  CHECK(refused({"--confg", "x"}).find("did you mean --config?") != std::string::npos);
  CHECK(refused({"-x"}) == "nuncio-server: unknown flag -x, expected one of --help\n");
  CHECK(refused({"--zzzzzzzzzz"}).find("did you mean") == std::string::npos);
  CHECK(refused({"---port", "1"}).find("unknown flag ---port") != std::string::npos);
  CHECK(refused({"-p4222"}).find("unknown flag -p4222") != std::string::npos);
}

TEST_CASE("flags: what nats-server has and we don't offer is refused by name") {
  for (const std::string flag : {
           "--routes",
           "--cluster",
           "--profile",
           "--help_tls",
           "--no_advertise",
           "--cluster_name",
           "-cluster",
           "--cluster_listen",
           "--connect_retries",
           "--cluster_advertise",
       }) {
    CAPTURE(flag);
    CHECK(refused({flag, "x"}) == "nuncio-server: " + flag + " is not supported yet\n");
    CHECK(refused({flag + "=1"}) == "nuncio-server: " + flag + " is not supported yet\n");
    CHECK(refused({"-D", flag}) == "nuncio-server: " + flag + " is not supported yet\n");
  }
  for (const std::string flag : {"-js", "--jetstream", "-sd", "--store_dir"}) {
    CAPTURE(flag);
    const auto text = "nuncio-server: " + flag + " is not supported: there is no JetStream here\n";
    CHECK(refused({flag, "x"}) == text);
    CHECK(refused({flag + "=1"}) == text);
  }
}

TEST_CASE("flags: what switches off a thing that we don't offer is accepted") {
  CHECK(run({"-js=false", "--jetstream=false", "-D"}).log.debug);
  CHECK(run({"--cluster", "", "--routes=", "--profile=0", "-D"}).log.debug);
}

TEST_CASE("flags: ports of monitoring, 0 for none") {
  CHECK(run({"-m", "8222"}).node.monitor.http_port == 8222);
  CHECK(run({"--http_port=-1"}).node.monitor.http_port == -1);
  CHECK(run({"-ms", "8443"}).node.monitor.https_port == 8443);
  CHECK(run({"-m", "8222", "--http_port", "0"}).node.monitor.http_port == 0);
  CHECK(refused({"-m", "abc"}) ==
        "nuncio-server: -m: expected a port from 1 to 65535, or -1 for any free one, found "
        "\"abc\"\n");
  CHECK(refused({"-ms", "70000"}).find("-ms: expected a port") != std::string::npos);
  CHECK(refused({"-m"}).find("-m needs a value") != std::string::npos);
}

TEST_CASE("flags: those of TLS ask for it, and --tls=false is the last word") {
  CHECK_FALSE(run({}).node.tls.has_value());
  const auto tls = run({"--tlscert", "c", "-tlskey=k", "--tlscacert", "a", "--tlsverify"}).node.tls;
  REQUIRE(tls.has_value());
  CHECK(tls->cert_file == "c");
  CHECK(tls->key_file == "k");
  CHECK(tls->ca_file == "a");
  CHECK(tls->verify);
  CHECK(run({"--tls"}).node.tls.has_value());
  CHECK_FALSE(run({"--tls=false"}).node.tls.has_value());
  CHECK_FALSE(run({"--tls=false", "--tlscert", "c"}).node.tls.has_value());
  CHECK(run({"--tls=false", "--tlscert", "c", "--tls"}).node.tls.has_value());
  CHECK(refused({"--tls=off"}).find("expected true or false") != std::string::npos);
}

TEST_CASE("flags: the version goes to stdout") {
  for (const std::string word : {"-v", "--version", "--v", "-version", "version", "VERSION"}) {
    CAPTURE(word);
    const auto out = parsed({word});
    CHECK(out.what == outcome::kind::print_and_exit);
    CHECK(out.text == "nuncio-server: v" NUNCIO_VERSION "\n");
    CHECK(out.exit_status == 0);
    CHECK_FALSE(out.to_stderr);
  }
  CHECK(run({"-v=false", "-D"}).log.debug);
}

TEST_CASE("flags: the help goes to stdout and names every flag") {
  for (const std::string word : {"-h", "--help", "-help", "--h", "help"}) {
    CAPTURE(word);
    const auto out = parsed({"-D", word});
    CHECK(out.what == outcome::kind::print_and_exit);
    CHECK(out.exit_status == 0);
    CHECK_FALSE(out.to_stderr);
    for (const std::string_view flag : {"-a,",
                                        "--addr",
                                        "--net",
                                        "-p,",
                                        "--port",
                                        "-n,",
                                        "--name",
                                        "--server_name",
                                        "-P,",
                                        "--pid",
                                        "--ports_file_dir",
                                        "-l,",
                                        "--log",
                                        "-D,",
                                        "--debug",
                                        "-V,",
                                        "--trace",
                                        "-DV",
                                        "-VV",
                                        "-DVV",
                                        "-T,",
                                        "--logtime",
                                        "--logtime_utc",
                                        "-v,",
                                        "--version",
                                        "-h,",
                                        "--help",
                                        "--shards",
                                        "--max_payload",
                                        "--max_pending",
                                        "--ping_interval",
                                        "--write_deadline",
                                        "--busy_poll",
                                        "--max_connections",
                                        "--max_control_line",
                                        "--max_subscriptions",
                                        "--max_traced_msg_len"}) {
      CAPTURE(flag);
      CHECK(out.text.find(flag) != std::string::npos);
    }
  }
}

TEST_CASE("flags: no line of the help is longer than 100 characters") {
  const auto text = parsed({"-h"}).text;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    CAPTURE(text.substr(at, end - at));
    CHECK(end - at <= 100);
    at = end + 1;
  }
}

TEST_CASE("flags: any other word is refused") {
  CHECK(refused({"-D", "start"}) ==
        "nuncio-server: unrecognized command \"start\", expected help or version\n");
  CHECK(refused({"-D", "false"}).find("as in -D=false") != std::string::npos);
  CHECK(refused({"-"}).find("unrecognized command \"-\"") != std::string::npos);
  CHECK(refused({"--", "-D"}).find("unrecognized command \"-D\"") != std::string::npos);
  CHECK(parsed({"--", "version"}).exit_status == 0);
}

TEST_CASE("flags: a program without any argument vector runs with the defaults") {
  CHECK(parse_flags(0, nullptr).what == outcome::kind::run);
}
