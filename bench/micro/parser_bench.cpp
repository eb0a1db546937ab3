#include <nuncio/protocol/parser.hpp>

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

// ns per operation of the server's parser, over a buffer as long as one read of a shard.
namespace {

using namespace nuncio::protocol;

struct sink {
  std::size_t bytes = 0;
  flow on_pub(const ops::pub& op) {
    bytes += op.tail.size() + op.subject.size();
    return flow::go_on;
  }
  flow on_sub(const ops::sub& op) {
    bytes += op.subject.size();
    return flow::go_on;
  }
  flow on_unsub(const ops::unsub& op) {
    bytes += op.sid.size();
    return flow::go_on;
  }
  flow on_connect(std::string_view) { return flow::go_on; }
  flow on_info(std::string_view) { return flow::go_on; }
  flow on_ping() { return flow::go_on; }
  flow on_pong() { return flow::go_on; }
  flow on_error(errc) { return flow::closed; }
};

void parse_all(benchmark::State& state, const std::string& operation) {
  constexpr std::size_t buffer = 128 * 1024;
  std::string input;
  std::size_t count = 0;
  while (input.size() + operation.size() <= buffer) {
    input += operation;
    ++count;
  }
  const std::size_t size = input.size();
  input.append(parser_padding, '\0');
  parse_limits limits;
  limits.headers = true;
  for (auto _ : state) {
    sink to;
    const auto result = parse(input.data(), size, limits, to);
    benchmark::DoNotOptimize(to.bytes);
    if (result.consumed != size) state.SkipWithError("not all was parsed");
  }
  const auto operations = static_cast<double>(state.iterations()) * static_cast<double>(count);
  state.counters["per_op"] =
      benchmark::Counter(operations, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void parser_pub(benchmark::State& state) {
  const std::string payload(static_cast<std::size_t>(state.range(0)), 'x');
  parse_all(state, "PUB foo " + std::to_string(payload.size()) + "\r\n" + payload + "\r\n");
}
BENCHMARK(parser_pub)->Arg(16)->Arg(128)->Arg(1024);

void parser_pub_long_subject(benchmark::State& state) {
  parse_all(state, "PUB orders.eu-west-1.customer.4711.created 16\r\n0123456789abcdef\r\n");
}
BENCHMARK(parser_pub_long_subject);

void parser_request(benchmark::State& state) {
  parse_all(state, "PUB svc.echo _INBOX.Qx7aPkT3.1 16\r\n0123456789abcdef\r\n");
}
BENCHMARK(parser_request);

void parser_hpub(benchmark::State& state) {
  parse_all(state, "HPUB foo 23 39\r\nNATS/1.0\r\nTenant: a\r\n\r\n0123456789abcdef\r\n");
}
BENCHMARK(parser_hpub);

void parser_sub_unsub(benchmark::State& state) {
  parse_all(state, "SUB _INBOX.Qx7aPkT3.1 17\r\nUNSUB 17 1\r\n");
}
BENCHMARK(parser_sub_unsub);

}  // namespace
