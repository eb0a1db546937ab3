// What two hops cost at the least with Asio: a client, a relay and a service that pass frames of
// the size of our calls' messages, each one thread that reads, and writes what its turn made at
// once. A frame is its length and what follows; nothing is looked up, nothing encoded.
//
//   rpc_relay relay                prints `ready PORT`; the service connects first, then the client
//   rpc_relay serve PORT           prints `ready 0`
//   rpc_relay call PORT [--outstanding N] [--seconds S]
#include "measuring.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <functional>
#include <utility>

namespace asio = boost::asio;
using asio::ip::tcp;
using nuncio::bench::fail;
using nuncio::bench::flags;
using nuncio::bench::steady_clock;
using nuncio::bench::tally;

namespace {

using text = std::array<char, 32>;

struct request {
  std::uint32_t length = sizeof(request);
  std::uint32_t lane = 0;
  std::int32_t a = 0;
  std::int32_t b = 0;
  text s{};
  std::array<char, 92> rest{};  // the subjects and headers of a call
};
struct reply {
  std::uint32_t length = sizeof(reply);
  std::uint32_t lane = 0;
  std::int32_t sum = 0;
  text s{};
  std::array<char, 48> rest{};
};
static_assert(sizeof(request) == 140 && sizeof(reply) == 92);

template <class Frame>
void append(std::string& out, const Frame& frame) {
  out.append(reinterpret_cast<const char*>(&frame), sizeof frame);
}

template <class Frame>
Frame frame_of(std::string_view bytes) {
  Frame out;
  if (bytes.size() != sizeof out) fail("a frame has the wrong size");
  std::memcpy(&out, bytes.data(), sizeof out);
  return out;
}

/// One connection; it lives as long as the process.
class wire {
 public:
  /// Appends to what goes out what a frame that came in makes.
  using handler = std::function<void(std::string_view frame, std::string& out)>;

  explicit wire(tcp::socket socket) : socket_(std::move(socket)) {
    socket_.set_option(tcp::no_delay(true));
  }
  void write(std::string_view bytes) {
    out_ += bytes;
    flush();
  }
  void read(wire& to, handler on_frame) {
    to_ = &to;
    on_frame_ = std::move(on_frame);
    read();
  }

 private:
  void read() {
    socket_.async_read_some(asio::buffer(in_.data() + used_, in_.size() - used_),
                            [this](boost::system::error_code error, std::size_t count) {
                              if (error) fail(error.message());
                              take(count);
                              read();
                            });
  }
  void take(std::size_t count) {
    used_ += count;
    std::string_view rest(in_.data(), used_);
    for (std::uint32_t length = 0; rest.size() >= sizeof length; rest.remove_prefix(length)) {
      std::memcpy(&length, rest.data(), sizeof length);
      if (length < sizeof length || length > in_.size()) fail("a frame has a wrong length");
      if (rest.size() < length) break;
      on_frame_(rest.substr(0, length), to_->out_);
    }
    std::memmove(in_.data(), rest.data(), rest.size());
    used_ = rest.size();
    to_->flush();
  }
  void flush() {
    if (!writing_.empty() || out_.empty()) return;
    writing_.swap(out_);
    asio::async_write(socket_, asio::buffer(writing_),
                      [this](boost::system::error_code error, std::size_t) {
                        if (error) fail(error.message());
                        writing_.clear();
                        flush();
                      });
  }

  tcp::socket socket_;
  std::array<char, 65536> in_{};
  std::size_t used_ = 0;
  std::string out_;
  std::string writing_;
  wire* to_ = nullptr;
  handler on_frame_;
};

wire& connect(asio::io_context& context, const char* port) {
  tcp::socket socket(context);
  socket.connect({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(std::atoi(port))});
  return *new wire(std::move(socket));
}

void pass_on(std::string_view frame, std::string& out) {
  out += frame;
}

void relay(asio::io_context& context) {
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  std::cout << "ready " << acceptor.local_endpoint().port() << std::endl;
  auto& service = *new wire(acceptor.accept());
  auto& client = *new wire(acceptor.accept());
  client.read(service, pass_on);
  service.read(client, pass_on);
  context.run();
}

void serve(asio::io_context& context, const char* port) {
  auto& connection = connect(context, port);
  connection.read(connection, [](std::string_view frame, std::string& out) {
    const auto asked = frame_of<request>(frame);
    append(out, reply{.lane = asked.lane, .sum = asked.a + asked.b, .s = asked.s});
  });
  std::cout << "ready 0" << std::endl;
  context.run();
}

/// As many calls at a time as there are lanes.
class lanes {
 public:
  lanes(wire& connection, tally& all, int outstanding) : all_(all) {
    std::string out;
    for (int i = 0; i < outstanding; ++i) {
      auto& each = lanes_.emplace_back();
      each.asked.lane = static_cast<std::uint32_t>(i);
      each.asked.a = i;
      std::copy_n(nuncio::bench::text.data(), each.asked.s.size(), each.asked.s.data());
      next(each, out);
    }
    connection.write(out);
    connection.read(connection, [this](std::string_view frame, std::string& to) {
      on_reply(frame_of<reply>(frame), to);
    });
  }

 private:
  struct lane {
    request asked;
    steady_clock::time_point began;
  };

  void on_reply(const reply& got, std::string& out) {
    if (got.lane >= lanes_.size()) fail("a reply is for nobody");
    auto& its = lanes_[got.lane];
    if (got.sum != its.asked.a + its.asked.b || got.s != its.asked.s) {
      fail("a reply is not what was asked for");
    }
    all_.note_call(its.began);
    next(its, out);
  }
  void next(lane& its, std::string& out) {
    if (all_.is_over()) return;
    ++its.asked.b;
    its.began = steady_clock::now();
    append(out, its.asked);
  }

  tally& all_;
  std::vector<lane> lanes_;
};

}  // namespace

int main(int argc, char** argv) try {
  const std::string_view what = argc > 1 ? argv[1] : "";
  asio::io_context context(1);
  if (what == "relay") {
    relay(context);
    return 0;
  }
  if (argc < 3) fail("rpc_relay relay|serve PORT|call PORT");
  if (what == "serve") {
    serve(context, argv[2]);
    return 0;
  }
  const flags set(argc, argv, 3);
  auto& all = *new tally;
  new lanes(connect(context, argv[2]), all, set.outstanding);
  std::thread([&context] { context.run(); }).detach();
  all.run(set);
  std::_Exit(0);
} catch (const boost::system::system_error& why) {
  fail(why.what());
}
