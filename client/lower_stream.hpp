#pragma once

#include <nuncio/client/transport.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace nuncio::client {

/// A transport in the shape that Asio's TLS and Beast's WebSocket want below them. So either lies
/// on any transport, and on the other.
///
/// Thread: the transport's.
class lower_stream {
 public:
  using executor_type = boost::asio::any_io_executor;
  using lowest_layer_type = lower_stream;

  lower_stream(std::unique_ptr<transport> below, executor_type executor)
      : below_(std::move(below)), executor_(std::move(executor)) {}

  [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }
  [[nodiscard]] lowest_layer_type& lowest_layer() noexcept { return *this; }
  [[nodiscard]] const lowest_layer_type& lowest_layer() const noexcept { return *this; }
  [[nodiscard]] transport& below() noexcept { return *below_; }

  void close(boost::system::error_code& none) noexcept {
    none.clear();
    below_->close();
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& into, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto done, boost::asio::mutable_buffer first) {
          below_->async_read_some({static_cast<char*>(first.data()), first.size()},
                                  transport::handler(std::move(done)));
        },
        token, first_of<boost::asio::mutable_buffer>(into));
  }

  /// Writes the first buffer that isn't empty, or all of a few that fit together.
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& from, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto done, boost::asio::const_buffer bytes) {
          below_->async_write({static_cast<const char*>(bytes.data()), bytes.size()},
                              transport::handler(std::move(done)));
        },
        token, together(from));
  }

 private:
  static constexpr std::size_t most_together = 128UL * 1024;

  template <class Buffer, class Buffers>
  static Buffer first_of(const Buffers& all) {
    auto at = boost::asio::buffer_sequence_begin(all);
    const auto end = boost::asio::buffer_sequence_end(all);
    for (; at != end; ++at) {
      if (const Buffer each = *at; each.size() != 0) return each;
    }
    return {};
  }
  // A frame's header travels with its payload.
  template <class Buffers>
  boost::asio::const_buffer together(const Buffers& all) {
    const auto first = first_of<boost::asio::const_buffer>(all);
    const auto size = boost::asio::buffer_size(all);
    if (size == first.size() || size > most_together) return first;
    gathered_.resize(size);
    boost::asio::buffer_copy(boost::asio::buffer(gathered_), all);
    return boost::asio::buffer(gathered_);
  }

  std::unique_ptr<transport> below_;
  executor_type executor_;
  std::string gathered_;
};

}  // namespace nuncio::client
