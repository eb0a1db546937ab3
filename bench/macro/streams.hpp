// Subscribers that check order, and the publishers that feed them: what most cases are made of.
#pragma once

#include "receivers.hpp"
#include "workload.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace nuncio::bench {

// A publisher of like messages to one subject.
publisher& add_stream_publisher(workload& work,
                                const endpoint& server,
                                std::string_view subject,
                                std::size_t payload_size);

class streams {
 public:
  using subscriber = receiver<in_order_check>;

  // From here on the load counts what these subscribers get.
  streams(workload& work, event_loop& loop);

  subscriber& add_receiver(const endpoint& server,
                           std::string_view subject,
                           std::size_t publishers);
  subscriber& add_receiver(connection to, std::string_view subject, std::size_t publishers);
  void feed(publisher& from, std::size_t to, std::size_t publisher_index = 0);
  // No longer counts, and no longer holds its publishers back.
  void give_up(std::size_t which);

  subscriber& at(std::size_t which) { return *receivers_[which].subscriber; }
  std::uint64_t delivered() const;

 private:
  struct entry {
    std::unique_ptr<streams::subscriber> subscriber;
    std::vector<std::pair<publisher*, std::size_t>> fed_by;
    bool given_up = false;
  };
  std::uint64_t expected() const;

  event_loop& loop_;
  std::vector<entry> receivers_;
};

}  // namespace nuncio::bench
