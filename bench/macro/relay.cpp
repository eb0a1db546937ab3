// The floor: what it costs to move the bytes of one2one through a process that does nothing else.
#include "cases.hpp"
#include "streams.hpp"
#include "workload.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <vector>

namespace nuncio::bench {

int run_relay_server() {
  const auto [listener, port] = listen_on_free_port();
  std::fprintf(stderr, "[INF] Listening for client connections on 127.0.0.1:%u\n", unsigned{port});
  std::fprintf(stderr, "[INF] Server is ready\n");
  const unique_fd source(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const unique_fd sink(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!source || !sink) fail_by_errno("accept");
  std::vector<char> block(64 * 1024);
  for (;;) {
    const ssize_t n = ::recv(source.get(), block.data(), block.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    for (ssize_t sent = 0; sent < n;) {
      const ssize_t m =
          ::send(sink.get(), block.data() + sent, static_cast<std::size_t>(n - sent), MSG_NOSIGNAL);
      if (m < 0 && errno != EINTR) return 0;
      if (m > 0) sent += m;
    }
  }
}

void run_relay(const options& o, result& into) {
  event_loop loop;
  workload work(loop, o);
  work.expect_no_answers();
  streams all(work, loop);
  unique_fd source = connect_to(o.server.port);
  // What the subscriber of one2one gets, so that it is read and checked by the same code.
  batch_ring ring;
  ring.fill("MSG foo 1 " + std::to_string(o.size) + "\r\n", o.size);
  const double wire_size = static_cast<double>(ring.average_wire_size());
  all.add_receiver(connect_to(o.server.port), "foo", 1);
  all.feed(work.add_publisher(std::move(source), std::move(ring)), 0);
  const std::uint64_t measured = work.run(o.seconds_or(3), into);
  into.add("server_cpu_ns_per_kib", work.measured().server_cpu_per(measured) * 1024 / wire_size);
}

}  // namespace nuncio::bench
