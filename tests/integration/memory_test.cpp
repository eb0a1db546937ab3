#include "alloc_counter.hpp"
#include "raw_client.hpp"
#include "test_server.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio;
using test::connected;
using test::raw_client;
using test::test_server;

namespace {

bool counts() {
  if (test::can_count_allocations()) return true;
  MESSAGE("skipped: the sanitizer has its own allocator");
  return false;
}

// Takes `size` bytes off the socket without allocating.
void swallow(const raw_client& client, std::size_t size) {
  static char bytes[64 * 1024];
  while (size != 0) {
    const auto got = ::recv(client.descriptor(), bytes, std::min(size, sizeof bytes), 0);
    REQUIRE(got > 0);
    size -= static_cast<std::size_t>(got);
  }
}

struct workload {
  std::string label;
  std::string_view reader;    // CONNECT
  std::string subscriptions;  // of each reader
  std::string message;
  std::size_t copies;     // for all readers together
  std::size_t copy_size;  // as they arrive
};

// Allocations while `rounds` batches pass through the server, each read before the next is sent.
std::uint64_t allocations_for(raw_client& writer,
                              std::vector<raw_client>& readers,
                              const workload& w,
                              const std::string& batch,
                              std::size_t in_batch,
                              int rounds) {
  const auto before = test::allocations();
  for (int i = 0; i < rounds; ++i) {
    writer.send(batch);
    for (auto& reader : readers)
      swallow(reader, in_batch * w.copies * w.copy_size / readers.size());
  }
  return test::allocations() - before;
}

}  // namespace

TEST_CASE("memory: a delivered message costs no allocation") {
  if (!counts()) return;
  const std::string kilobyte(1500, 'k');
  const workload all[] = {
      {"plain", test::quiet, "SUB a.b 1\r\n", "PUB a.b 5\r\nhello\r\n", 2, 20},
      {"wildcards", test::quiet, "SUB a.* 1\r\nSUB > 2\r\n", "PUB a.b 5\r\nhello\r\n", 4, 20},
      {"headers", test::quiet, "SUB a.b 1\r\n", "HPUB a.b 12 14\r\nNATS/1.0\r\n\r\nok\r\n", 2, 34},
      {"headers stripped", R"("verbose":false)", "SUB a.b 1\r\n",
       "HPUB a.b 12 14\r\nNATS/1.0\r\n\r\nok\r\n", 2, 17},
      {"spelled oddly", test::quiet, "SUB a.b 1\r\n", "PUB  a.b   5\r\nhello\r\n", 2, 20},
      {"lent payload", test::quiet, "SUB a.b 1\r\n", "PUB a.b 1500\r\n" + kilobyte + "\r\n", 2,
       16 + 1500 + 2},
      {"nobody", test::quiet, "", "PUB a.b 5\r\nhello\r\n", 0, 0},
  };
  for (const auto& w : all) {
    CAPTURE(w.label);
    test_server s({.shards = 1});
    std::vector<raw_client> readers;
    for (int i = 0; i < 2; ++i) {
      readers.push_back(connected(s.port(), w.reader));
      readers.back().send(w.subscriptions);
      readers.back().ping();
    }
    auto writer = connected(s.port());
    // One write and one batch each, small enough for the sockets.
    constexpr std::size_t in_batch = 30;
    std::string batch;
    for (std::size_t i = 0; i < in_batch; ++i) batch += w.message;
    allocations_for(writer, readers, w, batch, in_batch, 50);
    writer.ping();
    const auto made = allocations_for(writer, readers, w, batch, in_batch, 1000);
    // The server's tick may allocate a little; 30,000 messages may not.
    CHECK(made <= 20);
    CHECK(writer.ping() == "");
  }
}

TEST_CASE("memory: a payload that is declared and never comes costs nothing") {
  if (!counts()) return;
  test_server s({.shards = 1});
  auto other = connected(s.port());
  std::vector<raw_client> clients;
  constexpr int count = 300;
  for (int i = 0; i < count; ++i) clients.push_back(connected(s.port()));
  other.ping();
  const auto before = test::bytes_in_use();
  for (auto& client : clients) client.send("PUB a 1048576\r\nthe first bytes of a mebibyte");
  for (int i = 0; i < 3; ++i) other.ping();
  // The last may still be under way, which makes the figure smaller only.
  CHECK(test::bytes_in_use() - before < count * 2048);
  for (auto& client : clients) client.send(std::string(1000, 'x'));
  for (int i = 0; i < 3; ++i) other.ping();
  CHECK(test::bytes_in_use() - before < count * 8192);
}

TEST_CASE("memory: connections that have gone leave nothing behind") {
  if (!counts()) return;
  test_server s({.shards = 2});
  auto other = connected(s.port());
  const auto round = [&s, &other] {
    std::vector<raw_client> clients;
    for (int i = 0; i < 100; ++i) {
      clients.push_back(connected(s.port()));
      clients.back().send("SUB a." + std::to_string(i) +
                          " 1\r\nSUB b.*.c 2\r\nPUB a.1 1\r\nx\r\nPUB b.x.c 1\r\ny\r\n");
    }
    for (auto& client : clients) client.ping();
    clients.clear();
    return test::comes_true(other, [&s] { return s.node.statistics().connections == 1; });
  };
  for (int i = 0; i < 3; ++i) REQUIRE(round());
  const auto before = test::bytes_in_use();
  for (int i = 0; i < 10; ++i) REQUIRE(round());
  CHECK(test::bytes_in_use() - before < 300 * 1024);  // not a thousand connections' worth
}
