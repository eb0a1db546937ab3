#pragma once

#include "raw_client.hpp"

#include <nuncio/server/server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <optional>

namespace nuncio::test {

/// Runs so many handlers of the loop that a server is on, and then ends the server in one of three
/// ways, by `round`: it goes, or stops, within a handler, or goes outside of them. `client` is
/// closed by it; throws if it isn't.
inline void end_after(int round,
                      boost::asio::io_context& loop,
                      std::optional<server::server>& node,
                      raw_client& client) {
  using namespace std::chrono_literals;
  loop.restart();
  for (int i = 0; i < round; ++i) loop.run_one_for(5ms);
  switch (round % 3) {
    case 0:
      boost::asio::post(loop, [&] { node.reset(); });
      break;
    case 1:
      boost::asio::post(loop, [&] { node->stop(); });
      break;
    default:
      node.reset();
      break;
  }
  loop.restart();
  loop.run_for(5ms);
  node.reset();
  client.read_to_end();
  loop.restart();
  loop.run_for(1ms);
}

}  // namespace nuncio::test
