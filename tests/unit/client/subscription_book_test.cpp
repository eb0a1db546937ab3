#include "subscription_book.hpp"

#include <nuncio/client/error.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace nuncio::client;
namespace protocol = nuncio::protocol;

struct recorder final : subscriber {
  void on_message(const protocol::server_message& m) override {
    got += std::string(m.payload) + " ";
  }
  void on_end(boost::system::error_code why) override { got += "end:" + why.message() + " "; }
  std::string got;
};

void deliver(subscription_book& book, std::string_view sid, std::string_view payload) {
  protocol::server_message m;
  m.subject = "any";
  m.sid = sid;
  m.payload = payload;
  book.deliver(m);
}

/// Lines in an order that doesn't depend on the table.
std::string sorted(std::string_view lines) {
  std::vector<std::string> all;
  while (!lines.empty()) {
    const auto end = lines.find("\r\n");
    all.emplace_back(lines.substr(0, end));
    lines.remove_prefix(end + 2);
  }
  std::sort(all.begin(), all.end());
  std::string out;
  for (const auto& each : all) out += each + "; ";
  return out;
}

}  // namespace

TEST_CASE("subscription book: one ends after its maximum, counted from its start") {
  subscription_book book;
  recorder a;
  book.add(7, "a", "", a);
  deliver(book, "7", "1");
  CHECK(book.limit(7, 2) == 2U);
  deliver(book, "7", "2");
  deliver(book, "7", "3");
  CHECK(a.got == "1 2 end:Success ");
  CHECK_FALSE(book.limit(7, 5));

  recorder b;
  book.add(8, "b", "", b);
  deliver(book, "8", "1");
  deliver(book, "8", "2");
  CHECK(book.limit(8, 2) == 0U);
  CHECK(b.got == "1 2 end:Success ");
  CHECK(book.size() == 0);
}

TEST_CASE("subscription book: a new connection hears of all and of what is left of them") {
  subscription_book book;
  recorder a;
  book.add(1, "a", "q", a);
  static_cast<void>(book.limit(1, 5));
  deliver(book, "1", "1");
  deliver(book, "1", "2");
  CHECK(book.resubscription() == "SUB a q 1\r\nUNSUB 1 3\r\n");
  CHECK(book.limit(1, 6) == 4U);  // the new connection has seen none of them
  deliver(book, "1", "3");
  CHECK(book.resubscription() == "SUB a q 1\r\nUNSUB 1 3\r\n");
  CHECK(a.got == "1 2 3 ");
}

TEST_CASE("subscription book: what leaves still gets messages, and no new connection hears of it") {
  subscription_book book;
  recorder a;
  book.add(1, "a", "", a);
  book.leave(1);
  CHECK(book.resubscription().empty());
  deliver(book, "1", "late");
  CHECK(a.got == "late ");
  CHECK(book.remove(1));
  CHECK_FALSE(book.remove(1));
}

TEST_CASE("subscription book: a refused one ends, by subject and queue or by sid") {
  subscription_book book;
  recorder a;
  recorder q;
  recorder b;
  book.add(1, "a", "", a);
  book.add(2, "a", "q", q);
  book.add(3, "b", "", b);
  book.refuse("Permissions Violation for Subscription to \"a\" using queue \"q\"");
  CHECK(q.got == "end:the server refused the subject ");
  CHECK(a.got.empty());
  book.refuse("Permissions Violation for Subscription to \"a\"");
  CHECK(a.got == "end:the server refused the subject ");
  book.refuse("Permissions Violation for Subscription to \"x\" (sid \"3\")");
  CHECK(b.got == "end:the server refused the subject ");
}

TEST_CASE("subscription book: at the end every one is told") {
  subscription_book book;
  recorder a;
  book.add(1, "a", "", a);
  book.end_all(errc::closed);
  CHECK(a.got == "end:the connection is closed ");
  CHECK(book.size() == 0);
}

TEST_CASE("subscription book: in a move only groups are on both servers, and inboxes stay") {
  subscription_book book;
  recorder any;
  book.add(1, "plain", "", any);
  book.add(2, "group", "q", any);
  book.add(3, "inbox.old", "", any);
  book.add(4, "counted", "q", any);
  static_cast<void>(book.limit(4, 9));
  deliver(book, "4", "x");
  CHECK(book.join_groups() == "SUB group q 2\r\n");
  book.stay(3);
  book.add(5, "inbox.new", "", any);
  CHECK(sorted(book.leave_all()) == "UNSUB 1; UNSUB 2; UNSUB 4; UNSUB 5; ");
  deliver(book, "2", "by either");
  CHECK(sorted(book.join_rest()) == "SUB counted q 4; SUB inbox.new 5; SUB plain 1; UNSUB 4 8; ");
  CHECK(book.return_all() == "SUB inbox.old 3\r\n");
  CHECK(book.return_all().empty());
  CHECK(any.got == "x by either ");
}

TEST_CASE("subscription book: the new server hears what became of groups meanwhile") {
  subscription_book book;
  recorder any;
  book.add(1, "removed", "q", any);
  book.add(2, "limited", "q", any);
  book.add(3, "left", "q", any);
  CHECK(sorted(book.join_groups()) == "SUB left q 3; SUB limited q 2; SUB removed q 1; ");
  CHECK(book.remove(1));
  CHECK(book.limit(2, 5) == 5U);
  book.leave(3);
  book.add(4, "new", "q", any);
  CHECK(sorted(book.leave_all()) == "UNSUB 2; UNSUB 3; UNSUB 4; ");
  CHECK(sorted(book.join_rest()) == "SUB new q 4; UNSUB 1; UNSUB 2 5; UNSUB 3; ");
}

TEST_CASE("subscription book: a move that fails leaves all of them to the next connection") {
  subscription_book book;
  recorder any;
  book.add(1, "plain", "", any);
  book.add(2, "group", "q", any);
  book.add(3, "inbox", "", any);
  static_cast<void>(book.join_groups());
  book.stay(3);
  static_cast<void>(book.leave_all());
  CHECK(sorted(book.resubscription()) == "SUB group q 2; SUB inbox 3; SUB plain 1; ");
  CHECK(book.remove(2));
  CHECK(sorted(book.join_rest()) == "SUB inbox 3; SUB plain 1; ");
}
