#include "flags.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::server::daemon;
using namespace std::chrono_literals;

namespace {

outcome parsed(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv{"nuncio-server"};
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  return parse_flags(static_cast<int>(argv.size()), argv.data());
}

flags run(const std::vector<std::string>& arguments) {
  const auto out = parsed(arguments);
  CAPTURE(out.text);
  REQUIRE(out.what == outcome::kind::run);
  return out.options;
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
  std::function<bool(const flags&)> is_set;
};

struct toggle_row {
  std::vector<std::string_view> names;
  std::vector<bool flags::*> members;
};

}  // namespace

TEST_CASE("flags: without any, the defaults hold") {
  const auto options = run({});
  CHECK(options.host == "0.0.0.0");
  CHECK(options.port == 4222);
  CHECK(options.name.empty());
  CHECK(options.logtime);
  CHECK_FALSE(options.debug);
  CHECK_FALSE(options.shards);
  CHECK(options.max_payload == 1048576);
  CHECK(options.max_pending == 67108864);
  CHECK(options.max_control_line == 4096);
  CHECK(options.max_connections == 65536);
  CHECK(options.max_subscriptions == 0);
  CHECK(options.ping_interval == 2min);
  CHECK(options.write_deadline == 10s);
  CHECK(options.busy_poll == 200us);
}

TEST_CASE("flags: each flag with a value is read in every spelling") {
  const std::vector<value_row> rows{
      {{"a", "addr", "net"}, "::1", [](const flags& f) { return f.host == "::1"; }},
      {{"p", "port"}, "1", [](const flags& f) { return f.port == 1; }},
      {{"p", "port"}, "-1", [](const flags& f) { return f.port == -1; }},
      {{"n", "name", "server_name"}, "x y", [](const flags& f) { return f.name == "x y"; }},
      {{"P", "pid"}, "f.pid", [](const flags& f) { return f.pid_file == "f.pid"; }},
      {{"ports_file_dir"}, "d", [](const flags& f) { return f.ports_file_dir == "d"; }},
      {{"l", "log"}, "-file", [](const flags& f) { return f.log_file == "-file"; }},
      {{"shards"}, "3", [](const flags& f) { return f.shards == 3U; }},
      {{"shards"}, "auto", [](const flags& f) { return !f.shards; }},
      {{"max_payload"}, "1024", [](const flags& f) { return f.max_payload == 1024; }},
      {{"max_pending"}, "128MB", [](const flags& f) { return f.max_pending == 128 << 20; }},
      {{"max_control_line"}, "8k", [](const flags& f) { return f.max_control_line == 8000; }},
      {{"max_connections"}, "-1", [](const flags& f) { return f.max_connections == -1; }},
      {{"max_subscriptions"}, "7", [](const flags& f) { return f.max_subscriptions == 7; }},
      {{"max_traced_msg_len"}, "9", [](const flags& f) { return f.max_traced_msg_len == 9; }},
      {{"ping_interval"}, "250ms", [](const flags& f) { return f.ping_interval == 250ms; }},
      {{"write_deadline"}, "5", [](const flags& f) { return f.write_deadline == 5s; }},
      {{"busy_poll"}, "20us", [](const flags& f) { return f.busy_poll == 20us; }},
      {{"busy_poll"}, "0", [](const flags& f) { return f.busy_poll == 0us; }},
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
      {{"D", "debug"}, {&flags::debug}},
      {{"V", "trace"}, {&flags::trace}},
      {{"T", "logtime"}, {&flags::logtime}},
      {{"logtime_utc"}, {&flags::logtime_utc}},
      {{"VV"}, {&flags::trace, &flags::trace_verbose}},
      {{"DV"}, {&flags::debug, &flags::trace}},
      {{"DVV"}, {&flags::debug, &flags::trace, &flags::trace_verbose}},
  };
  for (const auto& row : rows) {
    for (const auto name : row.names) {
      for (const std::string dashes : {"-", "--"}) {
        const auto flag = dashes + std::string(name);
        CAPTURE(flag);
        for (const auto member : row.members) {
          CHECK(run({flag}).*member);
          CHECK(run({flag + "=true"}).*member);
          CHECK(run({flag + "=1"}).*member);
          CHECK_FALSE(run({flag + "=false"}).*member);
          CHECK_FALSE(run({flag + "=F"}).*member);
        }
      }
    }
  }
}

TEST_CASE("flags: the combined switches set nothing else") {
  CHECK_FALSE(run({"-DV"}).trace_verbose);
  CHECK_FALSE(run({"-VV"}).debug);
  CHECK(run({"-DVV", "-D=false"}).trace_verbose);
  CHECK_FALSE(run({"-DVV", "-D=false"}).debug);
}

TEST_CASE("flags: many flags may be mixed, and the last of several wins") {
  const auto options = run(
      {"-a", "127.0.0.1", "--port=-1", "-D", "-n=one", "--name", "two", "-shards", "2", "-V=0"});
  CHECK(options.host == "127.0.0.1");
  CHECK(options.port == -1);
  CHECK(options.debug);
  CHECK(options.name == "two");
  CHECK(options.shards == 2U);
  CHECK_FALSE(options.trace);
}

TEST_CASE("flags: odd values arrive as they are") {
  CHECK(run({"-n", ""}).name.empty());
  CHECK(run({"-n="}).name.empty());
  CHECK(run({"-n", "x", "-n="}).name.empty());
  CHECK(run({"-n=", "-D"}).debug);
  CHECK(run({"-n", "--debug"}).name == "--debug");
  CHECK(run({"-n=a=b"}).name == "a=b");
  CHECK(run({"-n", "[a,b]"}).name == "[a,b]");
  CHECK(run({"-n", "{}"}).name == "{}");
  CHECK(run({"-n", "\"q\""}).name == "\"q\"");
  CHECK(run({"-n", "a b,c"}).name == "a b,c");
  CHECK(run({"-n", "--"}).name == "--");
  CHECK(run({"-n", "%%"}).name == "%%");
}

TEST_CASE("flags: an empty address and port 0 mean the default") {
  CHECK(run({"-a", ""}).host == "0.0.0.0");
  CHECK(run({"-p", "0"}).port == 4222);
}

TEST_CASE("flags: durations are Go's, and bare numbers are seconds") {
  struct row {
    std::string text;
    std::chrono::nanoseconds expected;
  };
  for (const auto& [text, expected] : {
           row{"2m", 2min},
           row{"1h30m", 90min},
           row{"250ms", 250ms},
           row{"1.5s", 1500ms},
           row{".5s", 500ms},
           row{"1us", 1us},
           row{"3\xC2\xB5s", 3us},
           row{"3\xCE\xBCs", 3us},
           row{"7ns", 7ns},
           row{"1m1s1ms", 61001ms},
           row{"10", 10s},
           row{"0.5", 500ms},
       }) {
    CAPTURE(text);
    CHECK(run({"--ping_interval", text}).ping_interval == expected);
  }
  for (const std::string text : {"", "0", "0s", "-1s", "+1s", "s", "1x", "1s2", "1.2.3s", ".",
                                 "1 s", "1e3s", "99999999999h"}) {
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
    CHECK(run({"--max_payload", text}).max_payload == expected);
  }
  CHECK(run({"--max_pending", "1tb"}).max_pending == 1099511627776);
  for (const std::string text : {"", "x", "1x", "1kk", "1 k", "0", "-1", "1.5k", "1000000000",
                                 "9223372036854775807k", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK(refused({"--max_payload", text}).find("expected 1 to 999999999 bytes") !=
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
  CHECK(refused({"--max_connections=many"}).find("expected a number") != std::string::npos);
  for (const std::string flag : {"-D", "--logtime", "-VV", "-DVV", "-h"}) {
    CHECK(refused({flag + "=maybe"}) ==
          "nuncio-server: " + flag + ": expected true or false, found \"maybe\"\n");
  }
}

TEST_CASE("flags: a value that is missing is asked for") {
  CHECK(refused({"-D", "-p"}).starts_with("nuncio-server: -p needs a value, expected a port"));
  CHECK(refused({"--name"}) == "nuncio-server: --name needs a value, expected a name\n");
}

TEST_CASE("flags: a message may not be larger than what may be pending") {
  CHECK(refused({"--max_payload", "2000", "--max_pending", "1000"}) ==
        "nuncio-server: --max_payload is 2000, expected no more than --max_pending, which is "
        "1000\n");
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
  for (const std::string flag : {"-c",
                                 "--config",
                                 "-m",
                                 "--http_port",
                                 "-ms",
                                 "-sl",
                                 "--signal",
                                 "-r",
                                 "--remote_syslog",
                                 "--user",
                                 "--pass",
                                 "--auth",
                                 "--tlscert",
                                 "--tlskey",
                                 "--tlscacert",
                                 "--routes",
                                 "--cluster",
                                 "-sd",
                                 "--store_dir",
                                 "--profile",
                                 "-js",
                                 "--jetstream",
                                 "-t",
                                 "-s",
                                 "--syslog",
                                 "--tls",
                                 "--tlsverify",
                                 "--help_tls",
                                 "--no_advertise",
                                 "--cluster_name",
                                 "-cluster",
                                 "--cluster_listen",
                                 "--https_port",
                                 "--connect_retries",
                                 "--client_advertise",
                                 "--cluster_advertise",
                                 "--log_size_limit"}) {
    CAPTURE(flag);
    CHECK(refused({flag, "x"}) == "nuncio-server: " + flag + " is not supported yet\n");
    CHECK(refused({flag + "=1"}) == "nuncio-server: " + flag + " is not supported yet\n");
    CHECK(refused({"-D", flag}) == "nuncio-server: " + flag + " is not supported yet\n");
  }
}

TEST_CASE("flags: what switches off a thing that we don't offer is accepted") {
  CHECK(run({"-js=false", "--tls=false", "-t=0", "-s=F", "--jetstream=false", "-D"}).debug);
  CHECK(run({"--cluster", "", "--routes=", "-m", "0", "--profile=0", "-D"}).debug);
  CHECK(refused({"--tls=off"}).find("not supported") != std::string::npos);
  CHECK(refused({"-sl", ""}).find("not supported") != std::string::npos);
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
  CHECK(run({"-v=false", "-D"}).debug);
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
