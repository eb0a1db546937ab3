#pragma once

#include "stream.hpp"

#include <nuncio/server/in_process.hpp>

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <memory>

namespace nuncio::server {

/// Both ends of a connection in this process.
struct pipe_ends {
  std::unique_ptr<stream> server;
  std::unique_ptr<in_process_end> user;
};

/// Bytes that one direction of a pipe holds.
inline constexpr std::size_t pipe_capacity = 128UL * 1024;

/// `loop` is that of the server's end, until it moves.
[[nodiscard]] pipe_ends make_pipe(boost::asio::io_context& loop);

}  // namespace nuncio::server
