// Calls echo_service as fast as it can, checks every answer, and says how fast that was: the other
// half of the pair that measures. The last line is JSON; the exit status isn't 0 if an answer was
// wrong or failed.
//
//   echo_client [--server URL] [--connections N] [--outstanding N] [--seconds S] [--stream BYTES]
#include "echo.hpp"

#include <nuncio/rpc/stub.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/endian/conversion.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <iostream>
#include <vector>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;
using namespace std::chrono_literals;
using steady_clock = std::chrono::steady_clock;

namespace {

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// What all calls and streams add to.
struct tally {
  std::uint64_t done = 0;
  std::vector<std::uint32_t> nanoseconds;  // of each call
  bool measures = false;
  bool is_over = false;
  std::string problem;  // the first

  void note_problem(std::string what) {
    if (problem.empty()) problem = std::move(what);
    is_over = true;
  }
};

/// One call after another.
class caller {
 public:
  caller(rpc::stub echo, tally& all, int number) : echo_(std::move(echo)), all_(all) {
    request_.a = number;
    request_.s.assign(32, 'x');
  }
  void next() {
    ++request_.b;
    began_ = steady_clock::now();
    echo_.async_call<echo_reply>("unary", request_, {},
                                 [this](const rpc::result<echo_reply>& reply) { on_reply(reply); });
  }

 private:
  void on_reply(const rpc::result<echo_reply>& reply) {
    if (all_.is_over) return;
    if (!reply) return all_.note_problem(to_string(reply.error()));
    if (reply->sum != request_.a + request_.b || reply->s != request_.s) {
      return all_.note_problem("a reply is not what was asked for");
    }
    if (all_.measures) {
      ++all_.done;
      const auto took = steady_clock::now() - began_;
      all_.nanoseconds.push_back(static_cast<std::uint32_t>(took.count()));
    }
    next();
  }

  rpc::stub echo_;
  tally& all_;
  echo_request request_;
  steady_clock::time_point began_;
};

/// One stream for as long as it is measured.
asio::awaitable<void> read_stream(rpc::stub echo, tally& all, std::uint32_t bytes) {
  const count_request request{UINT64_MAX, bytes};
  auto items = echo.server_stream<rpc::bytes>("count", request);
  for (std::uint64_t expected = 0; !all.is_over; ++expected) {
    const auto item = co_await items.async_read();
    std::uint64_t number = boost::endian::native_to_little(expected);
    if (item && item->value.size() >= sizeof number) {
      std::memcpy(&number, item->value.data(), sizeof number);
    }
    if (!item || item->value.size() != bytes ||
        boost::endian::little_to_native(number) != expected) {
      co_return all.note_problem("an item is not the one that was expected");
    }
    all.done += all.measures ? 1 : 0;
  }
}

double percentile(std::vector<std::uint32_t>& of, double part) {
  if (of.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(part * static_cast<double>(of.size() - 1));
  std::nth_element(of.begin(), of.begin() + at, of.end());
  return of[static_cast<std::size_t>(at)] * 1e-3;
}

}  // namespace

int main(int argc, char** argv) {
  std::string server = "nats://127.0.0.1:4222";
  int connections = 1;
  int outstanding = 1;
  double seconds = 5;
  std::uint32_t bytes = 0;
  CLI::App flags("Measures echo_service.");
  flags.add_option("--server", server, "URLs of servers, comma-separated")->capture_default_str();
  flags.add_option("--connections", connections)->check(CLI::PositiveNumber);
  flags.add_option("--outstanding", outstanding, "calls or streams of each connection at a time")
      ->check(CLI::PositiveNumber);
  flags.add_option("--seconds", seconds, "that are measured, after half a second that isn't")
      ->check(CLI::PositiveNumber);
  auto* const stream =
      flags.add_option("--stream", bytes, "read streams of items of this size instead of calling")
          ->check(CLI::PositiveNumber);
  CLI11_PARSE(flags, argc, argv);

  asio::io_context context(1);
  tally all;
  std::deque<nuncio::client::connection> open;
  std::deque<caller> callers;
  asio::steady_timer phase(context);
  double took = 0;
  double cpu = 0;
  std::size_t streams = 0;  // that are open: the service hears that they are cancelled
  const auto finish = [&] {
    all.is_over = true;
    phase.cancel();
    if (streams > 0) return;
    for (auto& each : open) {
      if (all.problem.empty()) {
        each.async_drain([](auto) {});
      } else {
        each.close();
      }
    }
  };
  const auto begin = [&](nuncio::client::connection& nc) {
    // What is measured is the service, not what makes up for it.
    rpc::stub echo(nc, "echo", {.retries = {.attempts = 1}});
    for (int i = 0; i < outstanding; ++i) {
      if (*stream) {
        ++streams;
        asio::co_spawn(context, read_stream(echo, all, bytes),
                       [&](const std::exception_ptr& failed) {
                         --streams;
                         try {
                           if (failed && !all.is_over) std::rethrow_exception(failed);
                         } catch (const std::exception& why) {
                           all.note_problem(why.what());
                         }
                         if (all.is_over) finish();
                       });
      } else {
        callers.emplace_back(echo, all, i).next();
      }
    }
  };
  for (int i = 0; i < connections; ++i) {
    auto& nc =
        open.emplace_back(context.get_executor(), nuncio::client::options{.servers = server});
    nc.async_connect([&](auto error) {
      if (!error) return begin(nc);
      all.note_problem(error.message());
      finish();
    });
  }
  const auto span =
      std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(seconds));
  phase.expires_after(500ms);
  phase.async_wait([&](auto error) {
    if (error || all.is_over) return finish();
    all.measures = true;
    const auto began = steady_clock::now();
    const auto used = cpu_seconds();
    phase.expires_after(span);
    phase.async_wait([&, began, used](auto) {
      took = std::chrono::duration<double>(steady_clock::now() - began).count();
      cpu = cpu_seconds() - used;
      finish();
    });
  });
  context.run();

  if (all.problem.empty() && all.done == 0) all.problem = "nothing was answered in time";
  if (!all.problem.empty()) {
    std::cerr << "echo_client: " << all.problem << '\n';
    return 1;
  }
  const auto count = static_cast<double>(all.done);
  std::cout.precision(9);
  if (*stream) {
    std::cout << "{\"messages_per_s\": " << count / took
              << ", \"cpu_us_per_message\": " << cpu * 1e6 / count << "}\n";
  } else {
    std::cout << "{\"calls_per_s\": " << count / took
              << ", \"p50_us\": " << percentile(all.nanoseconds, 0.5)
              << ", \"p99_us\": " << percentile(all.nanoseconds, 0.99)
              << ", \"cpu_us_per_call\": " << cpu * 1e6 / count << "}\n";
  }
}
