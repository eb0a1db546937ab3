// nuncio-bench: puts one server under one load and prints what it cost.
#include "cases.hpp"
#include "failure.hpp"

#include <csignal>
#include <cstdio>
#include <map>
#include <string_view>

namespace {

using namespace nuncio::bench;

using run_case = void (*)(const options&, result&);

const std::map<std::string_view, run_case> cases{
    {"pub0", run_pub0},       {"one2one", run_one2one},   {"fanout", run_fanout},
    {"onesubj", run_onesubj}, {"pairs", run_pairs},       {"queue", run_queue},
    {"headers", run_headers}, {"manysubj", run_manysubj}, {"subs", run_subs},
    {"rpc", run_rpc},         {"rpcsubs", run_rpcsubs},   {"lat", run_lat},
    {"churn", run_churn},     {"slow", run_slow},         {"idle", run_idle},
    {"mixed", run_mixed},     {"connect", run_connect},   {"start", run_start},
    {"relay", run_relay},
};

int run(int argc, char** argv) {
  const options o = parse_options(argc, argv);
  const auto known = cases.find(o.case_name);
  if (known == cases.end()) fail("unknown case '" + o.case_name + "'");
  if (o.case_name != "start" && (o.server.port == 0 || o.pid == 0))
    fail("--port and --pid are needed");
  result into;
  into.add("case", o.case_name);
  int status = 0;
  try {
    known->second(o, into);
  } catch (const failure& e) {
    std::fprintf(stderr, "nuncio-bench: %s: FAILED: %s\n", o.case_name.c_str(), e.what());
    into.add("error", e.what());
    status = 1;
  }
  std::puts(into.to_json().c_str());
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    if (argc == 2 && std::string_view(argv[1]) == "relay-server") return run_relay_server();
    return run(argc, argv);
  } catch (const failure& e) {
    std::fprintf(stderr, "nuncio-bench: %s\n%s", e.what(), usage());
    return 2;
  }
}
