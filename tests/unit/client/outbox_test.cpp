#include "outbox.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace nuncio::client;

outbox::outcome put(outbox& box, const std::string& text) {
  return box.put(text.size(), [&text](std::string& out) { out += text; });
}
outbox::outcome put_control(outbox& box, const std::string& text) {
  return box.put_control([&text](std::string& out) { out += text; });
}
std::string take(outbox& box) {
  std::string out;
  box.take(out);
  return out;
}

}  // namespace

TEST_CASE("outbox: what is put between two takes comes in one, and is announced once") {
  outbox box(100, when_full::error);
  CHECK_FALSE(box.open(""));
  CHECK(put(box, "a").wake);
  CHECK_FALSE(put(box, "b").wake);
  CHECK(take(box) == "ab");
  CHECK_FALSE(put(box, "c").wake);  // the writer comes again
  CHECK(take(box) == "c");
  CHECK(take(box).empty());
  CHECK(put(box, "d").wake);
}

TEST_CASE("outbox: without a connection messages wait, lines of the protocol don't") {
  outbox box(100, when_full::error);
  CHECK_FALSE(put(box, "m1").wake);
  CHECK(put_control(box, "SUB").error == errc::disconnected);
  CHECK(take(box).empty());
  CHECK(box.open("RESUB "));
  CHECK(put_control(box, " PING").error == boost::system::error_code{});
  CHECK(take(box) == "RESUB m1 PING");
  put(box, "m2");
  box.suspend();
  CHECK(take(box).empty());
  CHECK(box.open(""));
  CHECK(take(box) == "m2");
}

TEST_CASE("outbox: a connection that is gone takes its lines with it") {
  for (const auto policy : {when_full::error, when_full::drop_oldest}) {
    outbox box(100, policy);
    put(box, "m1 ");
    box.open("RESUB ");
    put_control(box, "PING ");
    put(box, "m2 ");
    put(box, "m3 ");
    put_control(box, "UNSUB ");
    put(box, "m4 ");
    box.suspend();
    put(box, "m5 ");
    box.suspend();
    box.open("RESUB ");
    CHECK(take(box) == "RESUB m1 m2 m3 m4 m5 ");
  }
}

TEST_CASE("outbox: messages that were meant for a connection go with it") {
  outbox box(1000, when_full::error);
  box.open("");
  const auto put_bound = [&box](const std::string& text) {
    return box.put(text.size(), [&](std::string& out) { out += text; }, outbox::lasting::no);
  };
  put(box, "m1 ");
  put_bound("s1 ");
  put_bound("s2 ");
  put_control(box, "PING ");
  put(box, "m2 ");
  put_bound("s3 ");
  box.suspend();
  CHECK(box.size() == 6);
  // On the way to another server there is no connection, but what is meant for either.
  put_bound("s4 ");
  put(box, "m3 ");
  CHECK(box.open("first "));
  CHECK(take(box) == "first m1 m2 s4 m3 ");
  box.suspend();
  put_bound("s5 ");
  box.suspend();
  CHECK_FALSE(box.open(""));
}

TEST_CASE("outbox: what a connection gets last is all that waits, and nothing of it comes again") {
  outbox box(100, when_full::error);
  box.open("");
  put(box, "m1 ");
  put_control(box, "PING ");
  std::string last = "before ";
  box.take_last(last);
  CHECK(last == "before m1 PING ");
  CHECK_FALSE(put(box, "m2 ").wake);
  CHECK(put_control(box, "SUB ").error == errc::disconnected);
  CHECK(take(box).empty());
  CHECK(box.open("RESUB "));
  CHECK(take(box) == "RESUB m2 ");
}

TEST_CASE("outbox: a full one refuses messages and takes lines of the protocol") {
  outbox box(4, when_full::error);
  box.open("");
  CHECK_FALSE(put(box, "1234").error);
  CHECK(put(box, "5").error == errc::buffer_full);
  CHECK_FALSE(put_control(box, "P").error);
  CHECK(take(box) == "1234P");
  CHECK_FALSE(put(box, "5").error);
  CHECK(box.dropped() == 0);
}

TEST_CASE("outbox: the oldest messages make room while there is no connection") {
  outbox box(6, when_full::drop_oldest);
  put(box, "aa");
  put(box, "bb");
  put(box, "cc");
  CHECK_FALSE(put(box, "ddd").error);
  CHECK(box.dropped() == 2);
  CHECK(put(box, "1234567").error == errc::buffer_full);
  CHECK(box.size() == 5);
  box.open("SUB ");
  CHECK(put(box, "eeeee").error == errc::buffer_full);
  CHECK(take(box) == "SUB ccddd");
}

TEST_CASE("outbox: a closed one takes nothing and has nothing") {
  outbox box(100, when_full::error);
  put(box, "a");
  box.close();
  CHECK(put(box, "b").error == errc::closed);
  CHECK_FALSE(box.open("c"));
  CHECK(take(box).empty());
}
