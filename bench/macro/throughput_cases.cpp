// Publishers as fast as they can, subscribers on few subjects.
#include "cases.hpp"
#include "receivers.hpp"
#include "streams.hpp"
#include "workload.hpp"

#include <algorithm>
#include <memory>
#include <vector>

namespace nuncio::bench {

void run_pub0(const options& o, result& into) {
  event_loop loop;
  workload work(loop, o);
  add_stream_publisher(work, o.server, "foo", o.size);
  work.run(o.seconds_or(3), into);
}

void run_one2one(const options& o, result& into) {
  event_loop loop;
  workload work(loop, o);
  streams all(work, loop);
  all.add_receiver(o.server, "foo", 1);
  all.feed(add_stream_publisher(work, o.server, "foo", o.size), 0);
  work.run(o.seconds_or(3), into);
}

void run_onesubj(const options& o, result& into) {
  event_loop loop;
  workload work(loop, o);
  streams all(work, loop);
  for (std::size_t i = 0; i < o.subscribers; ++i) all.add_receiver(o.server, "foo", o.publishers);
  for (std::size_t i = 0; i < o.publishers; ++i) {
    publisher& p = add_stream_publisher(work, o.server, "foo", o.size);
    for (std::size_t to = 0; to < o.subscribers; ++to) all.feed(p, to, i);
  }
  work.run(o.seconds_or(3), into);
}

void run_fanout(const options& o, result& into) {
  run_onesubj(o, into);
}

void run_pairs(const options& o, result& into) {
  event_loop loop;
  workload work(loop, o);
  streams all(work, loop);
  for (std::size_t i = 0; i < o.publishers; ++i) {
    const std::string subject = "foo." + std::to_string(i);
    all.add_receiver(o.server, subject, o.publishers);
    all.feed(add_stream_publisher(work, o.server, subject, o.size), i, i);
  }
  work.run(o.seconds_or(3), into);
}

void run_headers(const options& o, result& into) {
  event_loop loop;
  workload work(loop, o);
  streams all(work, loop);
  all.add_receiver(o.server, "foo", 1);
  // Three headers; the block is 80 bytes, its first and last line included.
  const std::string block =
      "NATS/1.0\r\nTrace-Id: 4bf92f3577b34da6a3c\r\nSource: sensor-17\r\nKind: reading/v2\r\n\r\n";
  if (block.size() != 80) fail("the header block has " + std::to_string(block.size()) + " bytes");
  batch_ring ring;
  ring.fill("HPUB foo 80 " + std::to_string(80 + o.size) + "\r\n" + block, o.size);
  all.feed(work.add_publisher(open_client(o.server), std::move(ring)), 0);
  work.run(o.seconds_or(3), into);
}

void run_queue(const options& o, result& into) {
  event_loop loop;
  workload work(loop, o);
  group_tally group(o.publishers);
  std::vector<std::unique_ptr<receiver<group_member_check>>> members;
  for (std::size_t i = 0; i < o.subscribers; ++i) {
    members.push_back(std::make_unique<receiver<group_member_check>>(
        loop, open_client(o.server, "SUB foo workers 1\r\n"), true, group_member_check(group)));
  }
  for (std::size_t i = 0; i < o.publishers; ++i) {
    add_stream_publisher(work, o.server, "foo", o.size).follow(group.received_from(i));
  }
  const auto loaded = [](const auto& member) { return member->check().delivered(); };
  work.count_deliveries(
      [&] {
        std::uint64_t sum = 0;
        for (const auto& m : members) sum += loaded(m);
        return sum;
      },
      [&] { return work.published(); });
  work.run(o.seconds_or(3), into);
  const auto [least, most] =
      std::minmax_element(members.begin(), members.end(),
                          [&](const auto& a, const auto& b) { return loaded(a) < loaded(b); });
  into.add("least_over_most_loaded",
           static_cast<double>(loaded(*least)) / static_cast<double>(loaded(*most)));
}

}  // namespace nuncio::bench
