#include "options.hpp"

#include "failure.hpp"
#include "tls_layer.hpp"

#include <charconv>
#include <functional>
#include <map>
#include <string_view>

namespace nuncio::bench {
namespace {

template <class Number>
void read_number(std::string_view name, std::string_view text, Number& into) {
  const char* const end = text.data() + text.size();
  const auto [at, ec] = std::from_chars(text.data(), end, into);
  if (ec != std::errc{} || at != end || into < Number{}) {
    fail(std::string(name) + ": not a number: '" + std::string(text) + "'");
  }
}

}  // namespace

options parse_options(int argc, char** argv) {
  options o;
  const auto number = [](auto& into) {
    return [&into](std::string_view name, std::string_view text) { read_number(name, text, into); };
  };
  const std::map<std::string_view, std::function<void(std::string_view, std::string_view)>> known{
      {"--case", [&o](auto, auto text) { o.case_name = text; }},
      {"--port", number(o.server.port)},
      {"--pid", number(o.pid)},
      {"--seconds", number(o.seconds)},
      {"--warm-up", number(o.warm_up)},
      {"--size", number(o.size)},
      {"--publishers", number(o.publishers)},
      {"--subscribers", number(o.subscribers)},
      {"--requesters", number(o.requesters)},
      {"--outstanding", number(o.outstanding)},
      {"--count", number(o.count)},
      {"--rate", number(o.rate)},
      {"--guesses", number(o.guesses)},
      {"--transport", [&o](auto, auto text) { o.server.speaks = transport_of(text); }},
      {"--resume", [&o](auto, auto text) { o.resumes = text == "yes"; }},
      {"--server", [&o](auto, auto text) { o.executable = text; }},
      {"--server-arg", [&o](auto, auto text) { o.server_args.emplace_back(text); }},
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto option = known.find(name);
    if (option == known.end()) fail("unknown argument '" + std::string(name) + "'");
    if (++i == argc) fail(std::string(name) + " needs a value");
    option->second(name, argv[i]);
  }
  if (o.size < 16) fail("--size: the stamps need 16 bytes");
  if (o.publishers < 1 || o.publishers > 255) fail("--publishers: between 1 and 255");
  if (o.requesters < 1 || o.requesters > 255) fail("--requesters: between 1 and 255");
  if (o.outstanding < 1) fail("--outstanding: at least 1");
  if (o.server.speaks == transport::tls) o.server.tls = make_tls_client(o.resumes);
  return o;
}

const char* usage() {
  return "usage: nuncio-bench --case NAME --port PORT --pid SERVER_PID [--seconds S] [--warm-up "
         "S]\n"
         "                    [--size BYTES] [--publishers N] [--subscribers N]\n"
         "                    [--requesters N] [--outstanding N] [--count N] [--rate PER_SECOND]\n"
         "                    [--guesses PER_SECOND] [--resume yes]\n"
         "                    [--transport plain|tls|ws|ws-deflate]\n"
         "       nuncio-bench --case start --server PATH [--server-arg ARG]... [--count N]\n"
         "       nuncio-bench relay-server\n"
         "Prints one JSON object; the exit status is 1 when the server broke a promise.\n";
}

}  // namespace nuncio::bench
