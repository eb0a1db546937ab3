#pragma once

#include <nuncio/client/transport.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace nuncio::test {

/// What goes wrong with a connection, once.
struct fault {
  enum class kind : std::uint8_t {
    none,
    cut,    ///< the stream ends as if the peer had closed it
    reset,  ///< reading and writing fail
    stall,  ///< nothing comes any more; what the client writes is taken and lost
    jam,    ///< the same, and the client's writes don't end
  };
  enum class way : std::uint8_t { to_client, to_server };

  kind what = kind::none;
  way direction = way::to_client;
  std::size_t behind = 0;  ///< bytes of this direction that still pass
};

/// One connection in memory: the client's stream, the server's end in the test's hands, and what
/// goes wrong between them. Everything happens on one thread, completions by way of the executor.
class memory_link : public std::enable_shared_from_this<memory_link> {
 public:
  using error_code = boost::system::error_code;
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  memory_link(boost::asio::any_io_executor executor, const fault& trouble)
      : executor_(std::move(executor)), trouble_(trouble) {}

  // The server's end.

  void send(std::string_view bytes) {
    if (is_over_) return;
    sent_ += bytes.size();
    to_client_ += pass(fault::way::to_client, bytes);
    wake_reader();
  }
  /// The server closes.
  void finish() { end(boost::asio::error::eof); }
  /// Takes what the client has written.
  std::string take() { return std::exchange(to_server_, {}); }
  /// Called when there is something to take.
  std::function<void()> on_written;
  /// At most this much goes into one read of the client's.
  std::size_t most_read = unlimited;

  /// Bytes that each side has given so far.
  [[nodiscard]] std::size_t sent() const noexcept { return sent_; }
  [[nodiscard]] std::size_t written() const noexcept { return written_; }
  [[nodiscard]] bool is_closed_by_client() const noexcept { return is_closed_; }
  /// The trouble has come.
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }

 private:
  friend class memory_transport;
  using handler = client::transport::handler;

  // What of `bytes` gets through; trouble begins at the first byte that doesn't.
  std::string_view pass(fault::way direction, std::string_view bytes) {
    if (trouble_.what == fault::kind::none || trouble_.direction != direction) return bytes;
    if (bytes.size() <= trouble_.behind) {
      trouble_.behind -= bytes.size();
      return bytes;
    }
    is_over_ = true;
    if (trouble_.what == fault::kind::cut) end(boost::asio::error::eof);
    if (trouble_.what == fault::kind::reset) end(boost::asio::error::connection_reset);
    return bytes.substr(0, trouble_.behind);
  }
  void end(error_code how) {
    how_ = how;
    is_over_ = true;
    // After what has come, unless it was a reset.
    if (how != boost::asio::error::eof) to_client_.clear();
    boost::asio::post(executor_, [self = shared_from_this()] { self->wake_reader(); });
  }
  void wake_reader() {
    if (!reader_) return;
    if (!to_client_.empty()) {
      const auto size = std::min({to_client_.size(), into_.size(), most_read});
      std::copy_n(to_client_.begin(), size, into_.begin());
      to_client_.erase(0, size);
      complete(reader_, {}, size);
    } else if (how_) {
      complete(reader_, how_, 0);
    }
  }
  void read(std::span<char> into, handler done) {
    into_ = into;
    reader_.swap(done);
    wake_reader();
  }
  void write(std::string_view bytes, handler done) {
    writer_.swap(done);
    if (how_) {
      return complete(writer_, boost::asio::error::broken_pipe, 0);
    }
    if (is_over_) {  // a stall
      if (trouble_.what != fault::kind::jam) complete(writer_, {}, bytes.size());
      return;
    }
    written_ += bytes.size();
    to_server_ += pass(fault::way::to_server, bytes);
    if (how_) return complete(writer_, how_, 0);
    if (!is_over_ || trouble_.what != fault::kind::jam) complete(writer_, {}, bytes.size());
    boost::asio::post(executor_, [self = shared_from_this()] {
      if (self->on_written && !self->to_server_.empty()) self->on_written();
    });
  }
  void close() {
    is_closed_ = true;
    is_over_ = true;
    how_ = boost::asio::error::operation_aborted;
    if (reader_) complete(reader_, how_, 0);
    if (writer_) complete(writer_, how_, 0);
  }
  // Boost 1.81's handlers can't be assigned to without an endless recursion.
  void complete(handler& which, error_code error, std::size_t size) {
    boost::asio::post(executor_, [done = std::move(which), error, size]() mutable {
      std::move(done)(error, size);
    });
  }

  const boost::asio::any_io_executor executor_;
  fault trouble_;
  std::string to_client_;
  std::string to_server_;
  std::size_t sent_ = 0;
  std::size_t written_ = 0;
  std::span<char> into_;
  handler reader_;
  handler writer_;
  error_code how_;  // the stream has ended
  bool is_over_ = false;
  bool is_closed_ = false;
};

class memory_transport final : public client::transport {
 public:
  explicit memory_transport(std::shared_ptr<memory_link> link) : link_(std::move(link)) {}
  memory_transport(const memory_transport&) = delete;
  memory_transport& operator=(const memory_transport&) = delete;
  ~memory_transport() override { link_->close(); }

  void async_read_some(std::span<char> into, handler done) override {
    link_->read(into, std::move(done));
  }
  void async_write(std::string_view bytes, handler done) override {
    link_->write(bytes, std::move(done));
  }
  void close() noexcept override { link_->close(); }

 private:
  std::shared_ptr<memory_link> link_;
};

/// Gives streams in memory to a connection: `accept` is told of each attempt, and gives the link,
/// or none, which is a refused connection.
inline client::stream_opener memory_opener(
    const std::function<std::shared_ptr<memory_link>(
        const protocol::server_url&, const boost::asio::any_io_executor&)>& accept) {
  return [accept](const protocol::server_url& server, const boost::asio::any_io_executor& executor,
                  client::stream_handler done) {
    boost::asio::post(executor, [accept, server, executor, done = std::move(done)]() mutable {
      auto link = accept(server, executor);
      if (!link) return std::move(done)(boost::asio::error::connection_refused, nullptr);
      std::move(done)(boost::system::error_code{},
                      std::make_unique<memory_transport>(std::move(link)));
    });
  };
}

}  // namespace nuncio::test
