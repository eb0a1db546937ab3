#include "streams.hpp"

namespace nuncio::bench {

publisher& add_stream_publisher(workload& work,
                                const endpoint& server,
                                std::string_view subject,
                                std::size_t payload_size) {
  batch_ring ring;
  ring.fill(pub_line(subject, payload_size), payload_size);
  return work.add_publisher(open_client(server), std::move(ring));
}

streams::streams(workload& work, event_loop& loop) : loop_(loop) {
  work.count_deliveries([this] { return delivered(); }, [this] { return expected(); });
}

streams::subscriber& streams::add_receiver(const endpoint& server,
                                           std::string_view subject,
                                           std::size_t publishers) {
  return add_receiver(open_client(server, "SUB " + std::string(subject) + " 1\r\n"), subject,
                      publishers);
}

streams::subscriber& streams::add_receiver(connection to,
                                           std::string_view subject,
                                           std::size_t publishers) {
  receivers_.push_back(
      {std::make_unique<subscriber>(loop_, std::move(to), true,
                                    in_order_check(std::string(subject), publishers)),
       {}});
  return *receivers_.back().subscriber;
}

void streams::feed(publisher& from, std::size_t to, std::size_t publisher_index) {
  receivers_[to].fed_by.emplace_back(&from, publisher_index);
  from.follow(receivers_[to].subscriber->check().received_from(publisher_index));
}

void streams::give_up(std::size_t which) {
  entry& e = receivers_[which];
  for (const auto& [from, index] : e.fed_by) {
    from->unfollow(e.subscriber->check().received_from(index));
  }
  e.given_up = true;
}

std::uint64_t streams::delivered() const {
  std::uint64_t sum = 0;
  for (const entry& e : receivers_) {
    if (!e.given_up) sum += e.subscriber->check().delivered();
  }
  return sum;
}

std::uint64_t streams::expected() const {
  std::uint64_t sum = 0;
  for (const entry& e : receivers_) {
    if (e.given_up) continue;
    for (const auto& [from, index] : e.fed_by) sum += from->published();
  }
  return sum;
}

}  // namespace nuncio::bench
