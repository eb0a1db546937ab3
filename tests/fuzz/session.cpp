// Any bytes as a server's side of a client session: whatever the cuts, the same is said, delivered
// and answered, and a session that is lost has an error. The first byte says where to cut.

#include "session.hpp"

#include "require.hpp"

#include <cstdint>
#include <string>

using namespace nuncio;
using client::session;

namespace {

struct noted final : client::subscriber, client::session_events {
  void on_message(const protocol::server_message& m) override {
    said.append("msg ").append(m.subject).append(" ").append(m.payload).append("\n");
  }
  void on_end(boost::system::error_code why) override {
    said.append("end ").append(why.message()).append("\n");
  }
  void on_pong(std::uint64_t count) override {
    said.append("pong ").append(std::to_string(count)).append("\n");
  }
  void on_info(const protocol::server_info& info) override {
    said.append("info ").append(info.server_name).append("\n");
  }
  void on_complaint(boost::system::error_code what, std::string_view text) override {
    said.append(what.message()).append(text).append("\n");
  }
  std::string said;
};

std::string run(std::string_view bytes, std::size_t piece_size) {
  noted all;
  client::subscription_book book;
  session s({}, all, book);
  s.begin({});
  book.add(1, "a", "", all);
  book.add(2, "b", "q", all);
  static_cast<void>(book.limit(2, 2));
  protocol::message_parser parser({.max_line = 1024, .max_payload = 1024});
  std::string sent;
  while (!bytes.empty()) {
    const std::string piece(bytes.substr(0, piece_size));
    bytes.remove_prefix(piece.size());
    parser.feed(piece);
    for (auto e = parser.next(); e.what != protocol::server_event::kind::need_more;
         e = parser.next()) {
      const auto step = s.handle(e, {});
      sent += s.take_output();
      if (step == session::step::opened) NUNCIO_FUZZ_REQUIRE(s.is_open());
      if (step == session::step::lost) {
        NUNCIO_FUZZ_REQUIRE(s.error());
        return all.said + sent + s.error().message();
      }
    }
  }
  return all.said + sent;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nuncio::fuzz::require_same_in_pieces(data, size, run);
  return 0;
}
