#pragma once

#include "rpc_world.hpp"

#include <vector>

namespace nuncio::test {

/// Handlers that note how they end.
struct patient_streams {
  int started = 0;
  int ended = 0;
  int cancelled = 0;
  std::vector<int> got;

  void serve(rpc::service& by) {
    by.server_stream<int, int>("wait", [this](int n, rpc::writer<int>& out, rpc::context& about) {
      return wait(n, out, about);
    });
    by.bidi_stream<int, int>("listen", [this](rpc::reader<int>& in, rpc::writer<int>&,
                                              rpc::context& about) { return listen(in, about); });
  }
  asio::awaitable<void> wait(int n, rpc::writer<int>& out, rpc::context& about) {
    ++started;
    co_await out.async_write(n);
    try {
      co_await pause(20s);
    } catch (const boost::system::system_error&) {
      ++ended;
      cancelled += about.is_cancelled() ? 1 : 0;
      throw;
    }
  }
  asio::awaitable<void> listen(rpc::reader<int>& in, rpc::context& about) {
    ++started;
    try {
      while (const auto each = co_await in.async_read()) got.push_back(*each);
    } catch (const rpc::error&) {
      cancelled += about.is_cancelled() ? 1 : 0;
      ++ended;
      throw;
    }
    ++ended;
  }
};

}  // namespace nuncio::test
