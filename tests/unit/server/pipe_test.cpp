#include "net/pipe.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace {

using namespace nuncio::server;

struct world final : stream_events {
  world() : ends(make_pipe(loop)) {
    ends.user->listen([this] { heard += "readable "; }, [this] { heard += "writable "; });
  }
  void on_readable(bool aborted) override { heard += aborted ? "aborted " : "server reads "; }
  void on_writable(bool aborted) override { heard += aborted ? "aborted " : "server writes "; }

  std::string run() {
    loop.restart();
    loop.poll();
    return std::exchange(heard, {});
  }
  stream::result send(std::string bytes) const {
    const iovec piece{bytes.data(), bytes.size()};
    return ends.server->write(&piece, 1);
  }
  [[nodiscard]] std::string take() const {
    std::string out(pipe_capacity, ' ');
    out.resize(ends.user->read(out).size);
    return out;
  }
  [[nodiscard]] std::string receive(stream::status& how) const {
    std::string out(pipe_capacity, ' ');
    const auto got = ends.server->read(out);
    how = got.state;
    out.resize(got.size);
    return out;
  }

  boost::asio::io_context loop{1};
  pipe_ends ends;
  std::string heard;
};

using status = stream::status;

}  // namespace

TEST_CASE("pipe: who finds nothing is told once when there is something") {
  world w;
  CHECK(w.take().empty());
  CHECK(w.send("ab").size == 2);
  CHECK(w.send("c").size == 1);
  CHECK(w.run() == "readable ");
  CHECK(w.take() == "abc");
  w.ends.server->wait_readable(w);
  CHECK(w.run().empty());
  CHECK(w.ends.user->write("xy").size == 2);
  CHECK(w.ends.user->write("z").size == 1);
  CHECK(w.run() == "server reads ");
  status how{};
  CHECK(w.receive(how) == "xyz");
  CHECK(how == status::drained);
  CHECK(w.receive(how).empty());
  CHECK(how == status::would_block);
}

TEST_CASE("pipe: it holds so much, and who could not give all is told when half of it is free") {
  world w;
  const std::string most(pipe_capacity, 'a');
  CHECK(w.send(most + "b").size == most.size());
  CHECK(w.send("b").state == status::would_block);
  w.ends.server->wait_writable(w);
  CHECK(w.run().empty());
  std::string half(pipe_capacity / 2 - 1, ' ');
  CHECK(w.ends.user->read(half).size == half.size());
  CHECK(w.run().empty());
  CHECK(w.ends.user->read({half.data(), 1}).size == 1);
  CHECK(w.run() == "server writes ");
  // Around the end of the ring.
  CHECK(w.send("bc").size == 2);
  CHECK(w.take() == std::string(pipe_capacity / 2, 'a') + "bc");

  CHECK(w.ends.user->write(most + "b").size == most.size());
  CHECK(w.ends.user->write("b").size == 0);
  CHECK(w.run().empty());
  status how{};
  CHECK(w.receive(how) == most);
  CHECK(w.run() == "writable ");
}

TEST_CASE("pipe: what was written before the user closes still comes, and then the end") {
  world w;
  CHECK(w.ends.user->write("last").size == 4);
  w.ends.server->wait_writable(w);
  w.run();
  w.ends.server->wait_readable(w);
  w.ends.user.reset();
  CHECK(w.run() == "server reads ");
  status how{};
  CHECK(w.receive(how) == "last");
  CHECK(how == status::more);
  CHECK(w.receive(how).empty());
  CHECK(how == status::ended);
  CHECK(w.send("x").state == status::failed);
}

TEST_CASE("pipe: what was written before the server shuts it still comes, and then the end") {
  world w;
  w.send("last");
  w.ends.server->wait_readable(w);
  w.ends.server->shutdown();
  CHECK(w.run() == "aborted ");
  CHECK(w.take() == "last");
  CHECK(w.ends.user->read({}).is_over);
  CHECK(w.ends.user->write("x").is_over);

  world gone;
  CHECK(gone.take().empty());
  gone.ends.server.reset();
  CHECK(gone.run() == "readable ");
  CHECK(gone.ends.user->read({}).is_over);
}

TEST_CASE("pipe: the server's end changes loops, and cancelled waits are told so") {
  world w;
  boost::asio::io_context other{1};
  w.ends.server->wait_readable(w);
  w.ends.server->cancel_waits();
  CHECK(w.run() == "aborted ");
  w.ends.server->leave_loop();
  CHECK(w.ends.user->write("x").size == 1);
  w.ends.server->join_loop(other);
  w.ends.server->wait_readable(w);
  CHECK(w.run().empty());
  other.poll();
  CHECK(w.heard == "server reads ");
}

TEST_CASE("pipe: after closing the user isn't told any more") {
  world w;
  CHECK(w.take().empty());
  w.ends.user->close();
  w.ends.server->shutdown();
  CHECK(w.run().empty());
}
