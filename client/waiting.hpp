#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace nuncio::client {

/// For what a coroutine awaits: errors are values.
inline constexpr auto waiting = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace nuncio::client
