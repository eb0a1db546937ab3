#include "mux.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <utility>

namespace {

using namespace nuncio::client;
using namespace std::chrono_literals;

const mux::time start{1000s};

/// Writes what becomes of it into a text; waits for `answers` of them.
class noted_call final : public mux_call {
 public:
  noted_call(std::string& into, time deadline, int answers = 1, int patience = 0)
      : mux_call(deadline), into_(into), left_(answers), patience_(patience) {}
  std::optional<time> on_answer(const message_view& m, time now) override {
    into_ += "answer:" + std::string(m.payload) + " ";
    if (--left_ == 0) return std::nullopt;
    return now + 1s;
  }
  std::optional<mux::time> on_time(mux::time now) override {
    into_ += "time ";
    return patience_ > 0 ? std::optional(now + std::chrono::seconds(patience_--)) : std::nullopt;
  }
  void on_failure(boost::system::error_code why) override { into_ += why.message() + " "; }

 private:
  std::string& into_;
  int left_;
  int patience_;  // times that it goes on waiting
};

/// Lets go of itself, or of everything, while it is told of an answer.
class leaving_call final : public mux_call {
 public:
  leaving_call(std::string& into, std::function<void()> leave)
      : mux_call(start + 1s), into_(into), leave_(std::move(leave)) {}
  std::optional<time> on_answer(const message_view&, time now) override {
    into_ += "answer ";
    leave_();
    return now + 1s;
  }
  std::optional<time> on_time(time) override { return std::nullopt; }
  void on_failure(boost::system::error_code why) override { into_ += why.message() + " "; }

 private:
  std::string& into_;
  std::function<void()> leave_;
};

struct world {
  world()
      : it("_INBOX.me", [this](std::span<std::byte> into) {
          ++draws;
          for (auto& each : into) each = static_cast<std::byte>(random());
        }) {}
  mux::token call(mux::time deadline, int answers = 1) {
    return it.add(std::make_unique<noted_call>(said, deadline, answers));
  }
  bool answer(mux::token which, std::string_view payload) {
    const auto subject = it.reply_subject(which);
    return it.handle({.subject = subject, .payload = payload}, start);
  }
  std::string said;
  std::mt19937 random{1};
  int draws = 0;
  mux it;
};

}  // namespace

TEST_CASE("mux: an answer ends the call that it is for, a second one is late") {
  world w;
  CHECK(w.it.prefix() == "_INBOX.me.");
  const auto a = w.call(start + 1s);
  const auto b = w.call(start + 1s);
  CHECK(w.it.reply_subject(a).starts_with("_INBOX.me."));
  CHECK(w.it.reply_subject(a) != w.it.reply_subject(b));
  CHECK(w.answer(b, "b"));
  CHECK_FALSE(w.answer(b, "again"));
  CHECK(w.answer(a, "a"));
  CHECK(w.said == "answer:b answer:a ");
  CHECK(w.it.size() == 0);
  CHECK_FALSE(w.it.next_timer());
}

TEST_CASE("mux: what isn't a token of ours is for nobody") {
  world w;
  const auto a = w.call(start + 1s);
  const auto good = w.it.reply_subject(a);
  for (const auto& subject :
       {std::string("_INBOX.me."), std::string("x"), good.substr(0, good.size() - 1),
        good.substr(0, good.size() - 1) + "_", good.substr(0, good.size() - 1) + ".",
        std::string("_INBOX.me.abcdefghij0")}) {
    CAPTURE(subject);
    if (subject == good) continue;
    CHECK_FALSE(w.it.handle({.subject = subject}, start));
  }
  CHECK(w.it.size() == 1);
}

TEST_CASE("mux: calls end when their time has come, the soonest first") {
  world w;
  const auto late = w.call(start + 3s);
  w.call(start + 1s);
  w.call(start + 2s);
  CHECK(w.it.next_timer() == start + 1s);
  w.it.on_timer(start + 999ms);
  CHECK(w.said.empty());
  w.it.on_timer(start + 2s);
  CHECK(w.said == "time time ");
  CHECK(w.it.next_timer() == start + 3s);
  CHECK(w.answer(late, "x"));
}

TEST_CASE("mux: a call may go on and has a new deadline then") {
  world w;
  const auto a = w.call(start + 10s, 3);
  CHECK(w.answer(a, "1"));
  CHECK(w.it.next_timer() == start + 1s);
  CHECK(w.answer(a, "2"));
  CHECK(w.answer(a, "3"));
  CHECK_FALSE(w.answer(a, "4"));
  CHECK(w.said == "answer:1 answer:2 answer:3 ");
}

TEST_CASE("mux: a call that is taken out hears nothing more") {
  world w;
  const auto a = w.call(start + 1s);
  CHECK(w.it.remove(a));
  CHECK_FALSE(w.it.remove(a));
  CHECK_FALSE(w.answer(a, "x"));
  w.it.on_timer(start + 5s);
  CHECK(w.said.empty());
}

TEST_CASE("mux: with a new prefix the calls that were there are answered at either") {
  world w;
  const auto old = w.call(start + 1s);
  const auto old_subject = w.it.reply_subject(old);
  const auto older = w.call(start + 9s, 2);
  CHECK(w.it.older() == 0);
  w.it.rename("_INBOX.you");
  CHECK(w.it.prefix() == "_INBOX.you.");
  CHECK(w.it.older() == 2);
  const auto fresh = w.call(start + 9s);
  CHECK(w.it.reply_subject(fresh).starts_with("_INBOX.you."));
  CHECK(w.answer(fresh, "fresh"));
  CHECK(w.it.older() == 2);
  CHECK(w.it.handle({.subject = old_subject, .payload = "old"}, start));
  CHECK(w.it.older() == 1);
  CHECK(w.answer(older, "older"));
  CHECK(w.it.older() == 1);
  CHECK(w.it.remove(older));
  CHECK(w.it.older() == 0);
  CHECK(w.said == "answer:fresh answer:old answer:older ");
  w.call(start + 1s);
  w.it.rename("_INBOX.it");
  CHECK(w.it.older() == 1);
  w.it.fail_all(errc::closed);
  CHECK(w.it.older() == 0);
}

TEST_CASE("mux: all calls can fail at once, and the mux goes on") {
  world w;
  w.call(start + 1s);
  w.call(start + 2s);
  w.it.fail_all(errc::closed);
  CHECK(w.said == "the connection is closed the connection is closed ");
  w.said.clear();
  const auto a = w.call(start + 1s);
  CHECK(w.answer(a, "x"));
  CHECK(w.said == "answer:x ");
}

TEST_CASE("mux: tokens are all different and drawn many at a time") {
  world w;
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(w.it.reply_subject(w.call(start + 1s)));
  CHECK(seen.size() == 10'000);
  CHECK(w.draws < 200);
}

TEST_CASE("mux: a call whose time has come may ask for more") {
  world w;
  w.it.add(std::make_unique<noted_call>(w.said, start + 1s, 1, 2));
  w.it.on_timer(start + 1s);
  CHECK(w.it.next_timer() == start + 3s);
  w.it.on_timer(start + 3s);
  CHECK(w.it.next_timer() == start + 4s);
  CHECK(w.it.size() == 1);
  w.it.on_timer(start + 4s);
  CHECK(w.said == "time time time ");
  CHECK(w.it.size() == 0);
  CHECK_FALSE(w.it.next_timer().has_value());
}

TEST_CASE("mux: a call that is removed by what it does is told, and forgotten") {
  world w;
  mux::token which = 0;
  SUBCASE("by itself") {
    which = w.it.add(
        std::make_unique<leaving_call>(w.said, [&] { CHECK(w.it.remove(which) == nullptr); }));
  }
  SUBCASE("with all others") {
    which = w.it.add(std::make_unique<leaving_call>(
        w.said, [&] { w.it.fail_all(make_error_code(errc::disconnected)); }));
    w.call(start + 5s);
  }
  CHECK(w.answer(which, "x"));
  CHECK(w.said.find("answer ") == 0);
  CHECK(w.said.find(make_error_code(errc::closed).message()) != std::string::npos);
  CHECK(w.it.size() == 0);
  CHECK_FALSE(w.it.next_timer().has_value());
  CHECK_FALSE(w.answer(which, "x"));
}

TEST_CASE("mux: a call may make another one while it is told of an answer") {
  world w;
  mux::token other = 0;
  const auto which = w.it.add(std::make_unique<leaving_call>(w.said, [&] {
    for (int i = 0; i < 100; ++i) other = w.call(start + 2s);
  }));
  CHECK(w.answer(which, "x"));
  CHECK(w.it.size() == 101);
  CHECK(w.answer(other, "y"));
  CHECK(w.said == "answer answer:y ");
}
