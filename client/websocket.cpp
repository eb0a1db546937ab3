// The only file that includes Beast, which takes its time to compile.
#include "websocket.hpp"

#include "lower_stream.hpp"

#include <nuncio/client/error.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace nuncio::client {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;

// What Beast asks of a stream below it, found by its argument.

static void beast_close_socket(lower_stream& stream) {
  error_code none;
  stream.close(none);
}

template <class Handler>
static void async_teardown(beast::role_type, lower_stream& stream, Handler&& handler) {
  beast_close_socket(stream);
  asio::post(stream.get_executor(),
             beast::bind_front_handler(std::forward<Handler>(handler), error_code{}));
}

namespace {

constexpr std::size_t written_at_once = 64UL * 1024;

/// The values are HTTP's status codes.
class upgrade_category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "nuncio.client.websocket"; }
  [[nodiscard]] std::string message(int status) const override {
    const auto code = static_cast<unsigned>(status);
    return "the server answered " + std::to_string(status) + " " +
           std::string(beast::http::obsolete_reason(beast::http::int_to_status(code))) +
           " instead of a WebSocket";
  }
};

const boost::system::error_category& upgrades() noexcept {
  static const upgrade_category instance;
  return instance;
}

/// The stream, and what its operations use, which may outlast the transport by a goodbye.
struct websocket_core {
  websocket_core(std::unique_ptr<transport> below, const asio::any_io_executor& executor)
      : stream(std::move(below), executor) {
    stream.binary(true);
    stream.auto_fragment(false);
    stream.write_buffer_bytes(written_at_once);
    stream.read_message_max(0);  // a message is no unit of NATS': the parser has limits of its own
    stream.set_option(websocket::stream_base::decorator([](websocket::request_type& request) {
      request.set(beast::http::field::user_agent, "nuncio");
    }));
  }

  websocket::stream<lower_stream, false> stream;  // false: no compression
  websocket::response_type answer;
  bool is_open = false;
  bool is_writing = false;
};

error_code meaning(error_code error, const websocket_core& of) {
  if (error == websocket::error::upgrade_declined) {
    return {static_cast<int>(of.answer.result_int()), upgrades()};
  }
  if (error.category() == make_error_code(beast::http::error::end_of_stream).category()) {
    return error == beast::http::error::end_of_stream ? errc::disconnected : errc::protocol;
  }
  if (error.category() == make_error_code(websocket::error::closed).category()) {
    return errc::protocol;
  }
  return error;
}

class websocket_transport final : public transport {
 public:
  explicit websocket_transport(std::shared_ptr<websocket_core> core) : core_(std::move(core)) {}

  void async_read_some(std::span<char> into, handler done) override {
    read(core_, into, std::move(done));
  }
  void async_write(std::string_view bytes, handler done) override {
    core_->is_writing = true;
    core_->stream.async_write(asio::buffer(bytes), [core = core_, done = std::move(done)](
                                                       error_code error, std::size_t size) mutable {
      core->is_writing = false;
      std::move(done)(error, size);
    });
  }
  void close() noexcept override {
    say_goodbye();
    beast_close_socket(core_->stream.next_layer());
  }

 private:
  // A frame may be empty.
  static void read(const std::shared_ptr<websocket_core>& core,
                   std::span<char> into,
                   handler done) {
    core->stream.async_read_some(
        asio::buffer(into.data(), into.size()),
        [core, into, done = std::move(done)](error_code error, std::size_t size) mutable {
          if (!error && size == 0) return read(core, into, std::move(done));
          if (error == websocket::error::closed) error = asio::error::eof;
          std::move(done)(error, size);
        });
  }
  // A close frame if it can leave at once: nobody waits for the answer.
  void say_goodbye() noexcept {
    if (!std::exchange(core_->is_open, false) || core_->is_writing || !core_->stream.is_open()) {
      return;
    }
    // Final, masked with zeros, as nothing here is to be hidden from caches; code 1000.
    static constexpr std::string_view frame("\x88\x82\0\0\0\0\x03\xE8", 8);
    core_->stream.next_layer().below().async_write(frame,
                                                   [core = core_](error_code, std::size_t) {});
  }

  std::shared_ptr<websocket_core> core_;
};

}  // namespace

void start_websocket(std::unique_ptr<transport> below,
                     const asio::any_io_executor& executor,
                     const protocol::server_url& server,
                     stream_handler done) {
  const auto core = std::make_shared<websocket_core>(std::move(below), executor);
  auto slot = asio::get_associated_cancellation_slot(done);
  if (slot.is_connected()) {
    slot.assign([core](asio::cancellation_type) { beast_close_socket(core->stream.next_layer()); });
  }
  core->stream.async_handshake(
      core->answer, protocol::address(server), server.path.empty() ? "/" : server.path,
      [core, slot, done = std::move(done)](error_code error) mutable {
        if (slot.is_connected()) slot.clear();
        if (error) return std::move(done)(meaning(error, *core), nullptr);
        core->is_open = true;
        std::move(done)(error, std::make_unique<websocket_transport>(core));
      });
}

}  // namespace nuncio::client
