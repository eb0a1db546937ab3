#include "proxy_protocol.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace nuncio::server {
namespace {

namespace ip = boost::asio::ip;

constexpr std::string_view text_begin = "PROXY ";
constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t told_apart_by = 6;
constexpr std::size_t fixed_size = 16;
constexpr std::size_t addresses_v4 = 12;
constexpr std::size_t addresses_v6 = 36;

// Of the second form: version and command, family and transport.
constexpr unsigned version_2 = 0x2;
constexpr unsigned command_local = 0x0;
constexpr unsigned command_proxy = 0x1;
constexpr unsigned family_unspecified = 0x0;
constexpr unsigned family_v4 = 0x1;
constexpr unsigned family_v6 = 0x2;
constexpr unsigned transport_stream = 0x1;

unsigned byte_at(const char* at) noexcept {
  return static_cast<unsigned char>(*at);
}

unsigned word_at(const char* at) noexcept {
  return byte_at(at) << 8U | byte_at(at + 1);
}

bool begins_alike(std::string_view bytes, std::string_view with) noexcept {
  const auto size = std::min({bytes.size(), with.size(), told_apart_by});
  return bytes.substr(0, size) == with.substr(0, size);
}

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view blanks = " \t\v\f\r\n";
  std::vector<std::string_view> out;
  for (;;) {
    const auto begin = line.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return out;
    const auto end = std::min(line.find_first_of(blanks, begin), line.size());
    out.push_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
}

// Not by Asio: that takes names of interfaces, too.
std::optional<ip::address> address_of(const std::string& text, bool is_v6) {
  if (is_v6) {
    ip::address_v6::bytes_type bytes{};
    if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return std::nullopt;
    return ip::address_v6(bytes);
  }
  ip::address_v4::bytes_type bytes{};
  if (::inet_pton(AF_INET, text.c_str(), bytes.data()) != 1) return std::nullopt;
  return ip::address_v4(bytes);
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t out = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

template <class Address>
ip::tcp::endpoint endpoint_at(const char* address, const char* port) {
  typename Address::bytes_type bytes{};
  std::memcpy(bytes.data(), address, bytes.size());
  return {Address(bytes), static_cast<std::uint16_t>(word_at(port))};
}

}  // namespace

proxy_header::progress proxy_header::feed(std::string_view bytes) {
  if (state_ != state::more) return progress_after(0);
  if (form_ != form::unknown) return form_ == form::text ? feed_text(bytes) : feed_binary(bytes);
  const bool may_be_text = begins_alike(bytes, text_begin);
  if (!may_be_text && !begins_alike(bytes, signature)) {
    state_ = state::absent;
    return progress_after(0);
  }
  if (bytes.size() < told_apart_by) return {state::more, 0, told_apart_by};
  if (may_be_text) {
    form_ = form::text;
    return feed_text(bytes);
  }
  form_ = form::fixed_part;
  least_ = fixed_size;
  return feed_binary(bytes);
}

// The line may end between two calls, and what follows it isn't ours.
proxy_header::progress proxy_header::feed_text(std::string_view bytes) {
  std::size_t taken = 0;
  while (state_ == state::more && taken < bytes.size()) {
    taken += keep(bytes.substr(taken, 1), longest_line);
    const std::string_view line(kept_.data(), size_);
    if (line.ends_with("\r\n")) {
      read_line(line.substr(text_begin.size()));
    } else if (size_ == longest_line) {
      object("the line is too long");
    }
  }
  return progress_after(taken);
}

void proxy_header::read_line(std::string_view line) {
  const auto words = words_of(line);
  if (!words.empty() && words[0] == "UNKNOWN") {
    state_ = state::complete;
    return;
  }
  if (words.size() != 5) return object("expected a protocol, two addresses and two ports");
  const bool is_v6 = words[0] == "TCP6";
  if (!is_v6 && words[0] != "TCP4") return object("expected TCP4, TCP6 or UNKNOWN");
  const auto from = address_of(std::string(words[1]), is_v6);
  if (!from || !address_of(std::string(words[2]), is_v6)) {
    return object("found no address of that family");
  }
  const auto port = port_of(words[3]);
  if (!port || !port_of(words[4])) return object("expected ports from 0 to 65535");
  source_.emplace(*from, *port);
  state_ = state::complete;
}

proxy_header::progress proxy_header::feed_binary(std::string_view bytes) {
  std::size_t taken = 0;
  for (;;) {
    if (form_ != form::ignored) {
      taken += keep(bytes.substr(taken), least_);
      if (size_ < least_) break;
      form_ == form::fixed_part ? read_fixed_part() : read_addresses();
      if (state_ != state::more) break;
      continue;
    }
    const auto skipped = std::min(left_, bytes.size() - taken);
    taken += skipped;
    left_ -= skipped;
    if (left_ == 0) state_ = state::complete;
    break;
  }
  return progress_after(taken);
}

void proxy_header::read_fixed_part() {
  if (std::string_view(kept_.data(), signature.size()) != signature) {
    return object("the signature is wrong");
  }
  const char* const at = kept_.data() + signature.size();
  const unsigned command = byte_at(at) & 0xfU;
  const unsigned family = byte_at(at + 1) >> 4U;
  if (byte_at(at) >> 4U != version_2) return object("expected version 2");
  left_ = word_at(at + 2);
  form_ = form::ignored;
  if (command == command_local) return;
  if (command != command_proxy) return object("the command is unknown");
  if ((byte_at(at + 1) & 0xfU) != transport_stream) return object("expected a stream");
  if (family == family_unspecified) return;
  if (family != family_v4 && family != family_v6) return object("the family is unknown");
  least_ = family == family_v4 ? addresses_v4 : addresses_v6;
  if (left_ < least_) return object("it is too short for its addresses");
  left_ -= least_;
  size_ = 0;
  form_ = form::addresses;
}

// Source, destination, and their ports.
void proxy_header::read_addresses() {
  const char* const at = kept_.data();
  source_ = least_ == addresses_v4 ? endpoint_at<ip::address_v4>(at, at + 8)
                                   : endpoint_at<ip::address_v6>(at, at + 32);
  form_ = form::ignored;
}

std::size_t proxy_header::keep(std::string_view bytes, std::size_t most) {
  const auto size = std::min(bytes.size(), most - size_);
  bytes.copy(kept_.data() + size_, size);
  size_ += size;
  return size;
}

void proxy_header::object(std::string_view why) {
  state_ = state::malformed;
  objection_ = why;
}

proxy_header::progress proxy_header::progress_after(std::size_t taken) const noexcept {
  return {state_, taken, 1};
}

}  // namespace nuncio::server
