#include <nuncio/client/in_process.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <optional>
#include <utility>

namespace nuncio::client {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

struct outcome {
  error_code error;
  std::size_t size = 0;
};

/// An operation that waits for its result. The loop holds it, in a timer's wait, as it holds those
/// of sockets: so it goes with the loop if that ends before it does.
class parked_operation {
 public:
  explicit parked_operation(const asio::any_io_executor& executor) : timer_(executor) {}

  /// `owner` holds this object.
  void park(std::shared_ptr<void> owner, transport::handler done) {
    is_waiting_ = true;
    timer_.expires_at(asio::steady_timer::time_point::max());
    timer_.async_wait([this, owner = std::move(owner), done = std::move(done)](error_code) mutable {
      std::move(done)(how_.error, how_.size);
    });
  }
  [[nodiscard]] bool is_waiting() const noexcept { return is_waiting_; }
  /// Not within this call, but soon.
  void finish(const outcome& how) {
    if (!std::exchange(is_waiting_, false)) return;
    how_ = how;
    timer_.cancel();
  }

 private:
  asio::steady_timer timer_;
  bool is_waiting_ = false;
  outcome how_;
};

/// A local stream, and the operations that wait for it. Shared with wake-ups that are under way.
class local_transport_core : public std::enable_shared_from_this<local_transport_core> {
 public:
  local_transport_core(std::unique_ptr<local_stream> stream, const asio::any_io_executor& executor)
      : stream_(std::move(stream)), executor_(executor), reader_(executor), writer_(executor) {}

  void listen() {
    stream_->listen(posting(&local_transport_core::go_on_reading),
                    posting(&local_transport_core::go_on_writing));
  }
  void read(std::span<char> into, transport::handler done) {
    into_ = into;
    start(reader_, try_read(), std::move(done));
  }
  void write(std::string_view bytes, transport::handler done) {
    from_ = bytes;
    written_ = 0;
    start(writer_, try_write(), std::move(done));
  }
  void close() noexcept {
    stream_->close();
    reader_.finish({asio::error::operation_aborted});
    writer_.finish({asio::error::operation_aborted});
  }

 private:
  std::function<void()> posting(void (local_transport_core::*what)()) {
    return [weak = weak_from_this(), what, executor = executor_] {
      asio::post(executor, [weak, what] {
        if (const auto self = weak.lock()) ((*self).*what)();
      });
    };
  }
  // Most writes are over at once, and need no timer.
  void start(parked_operation& which, const std::optional<outcome>& now, transport::handler done) {
    if (!now) return which.park(shared_from_this(), std::move(done));
    asio::post(executor_, [done = std::move(done), now = *now]() mutable {
      std::move(done)(now.error, now.size);
    });
  }
  void go_on_reading() {
    if (!reader_.is_waiting()) return;
    if (const auto now = try_read()) reader_.finish(*now);
  }
  void go_on_writing() {
    if (!writer_.is_waiting()) return;
    if (const auto now = try_write()) writer_.finish(*now);
  }
  std::optional<outcome> try_read() {
    const auto got = stream_->read(into_);
    if (got.size != 0) return outcome{{}, got.size};
    if (got.is_over) return outcome{asio::error::eof, 0};
    return std::nullopt;
  }
  std::optional<outcome> try_write() {
    const auto got = stream_->write(from_);
    from_.remove_prefix(got.size);
    written_ += got.size;
    if (from_.empty()) return outcome{{}, written_};
    if (got.is_over) return outcome{asio::error::broken_pipe, written_};
    return std::nullopt;
  }

  std::unique_ptr<local_stream> stream_;
  const asio::any_io_executor executor_;
  std::span<char> into_;
  std::string_view from_;
  std::size_t written_ = 0;
  parked_operation reader_;
  parked_operation writer_;
};

class local_transport final : public transport {
 public:
  explicit local_transport(std::shared_ptr<local_transport_core> core) : core_(std::move(core)) {}
  local_transport(const local_transport&) = delete;
  local_transport& operator=(const local_transport&) = delete;
  ~local_transport() override { core_->close(); }

  void async_read_some(std::span<char> into, handler done) override {
    core_->read(into, std::move(done));
  }
  void async_write(std::string_view bytes, handler done) override {
    core_->write(bytes, std::move(done));
  }
  void close() noexcept override { core_->close(); }

 private:
  std::shared_ptr<local_transport_core> core_;
};

}  // namespace

stream_opener open_local(std::function<std::unique_ptr<local_stream>()> connect) {
  return
      [connect = std::move(connect)](const protocol::server_url&,
                                     const asio::any_io_executor& executor, stream_handler done) {
        asio::post(executor, [connect, executor, done = std::move(done)]() mutable {
          auto stream = connect();
          if (!stream) return std::move(done)(asio::error::connection_refused, nullptr);
          const auto core = std::make_shared<local_transport_core>(std::move(stream), executor);
          core->listen();
          std::move(done)(error_code{}, std::make_unique<local_transport>(core));
        });
      };
}

}  // namespace nuncio::client
