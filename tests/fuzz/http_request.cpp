// Any bytes as what a connection of the monitoring pages receives, below the base path that the
// first byte chooses, in pieces of a size that it chooses as well. Pieces make no difference;
// requests are pages below the base or have their answer; what is said of headers holds.

#include "monitor/http_message.hpp"
#include "monitor/request_reader.hpp"
#include "require.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

using namespace nuncio::server::monitor;

namespace {

constexpr std::array<std::string_view, 4> bases{"", "/nats", "nats/", "/a/../b//c"};

// Headers stay headers, whatever they quote.
void check_head(const http_response& answer, answer_form form) {
  const auto head = response_head(answer, form, std::chrono::system_clock::time_point{});
  NUNCIO_FUZZ_REQUIRE(head.starts_with(form.is_old ? "HTTP/1.0 " : "HTTP/1.1 "));
  NUNCIO_FUZZ_REQUIRE(head.find("\r\n\r\n") == head.size() - 4);
  NUNCIO_FUZZ_REQUIRE(std::count(head.begin(), head.end(), '\n') <= 9);
  NUNCIO_FUZZ_REQUIRE(head.find("\r\nContent-Length: " + std::to_string(answer.body.size()) +
                                "\r\n") != std::string::npos);
}

void check(const received_request& found) {
  if (found.answer) {
    NUNCIO_FUZZ_REQUIRE(found.answer->status >= 300 && found.answer->status <= 501);
    NUNCIO_FUZZ_REQUIRE((found.answer->status == 307) == !found.answer->location.empty());
    NUNCIO_FUZZ_REQUIRE(found.answer->location.empty() || found.answer->location.front() == '/');
    // Not to another host.
    NUNCIO_FUZZ_REQUIRE(!found.answer->location.starts_with("//"));
    check_head(*found.answer, found.form);
  } else {
    NUNCIO_FUZZ_REQUIRE(found.asked.path.starts_with('/'));
    NUNCIO_FUZZ_REQUIRE(!found.asked.method.empty());
    NUNCIO_FUZZ_REQUIRE(found.asked.query.find_first_of(" \r\n") == std::string::npos);
  }
  NUNCIO_FUZZ_REQUIRE(found.is_complete || !found.form.keeps_alive);
}

// All that was found, a line each.
std::string run(std::string_view bytes, std::size_t piece, std::string_view base) {
  request_reader reader(base);
  std::string out;
  while (!bytes.empty()) {
    const auto room = reader.room();
    NUNCIO_FUZZ_REQUIRE(!room.empty() && room.size() <= request_reader::longest_header);
    const auto size = std::min({piece, room.size(), bytes.size()});
    std::copy_n(bytes.data(), size, room.data());
    bytes.remove_prefix(size);
    for (auto found = reader.next(size); found; found = reader.next(0)) {
      check(*found);
      const auto& asked = found->asked;
      out += asked.method + ' ' + asked.path + '?' + asked.query + ' ' + asked.accept + ' ';
      if (found->answer) out += std::to_string(found->answer->status) + found->answer->location;
      out += found->form.keeps_alive ? " on\n" : " end\n";
      if (!found->form.keeps_alive) return out;
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto base = bases[data[0] % bases.size()];
  nuncio::fuzz::require_same_in_pieces(
      data, size,
      [base](std::string_view bytes, std::size_t piece) { return run(bytes, piece, base); });
  return 0;
}
