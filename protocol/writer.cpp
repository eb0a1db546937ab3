#include <nuncio/protocol/writer.hpp>

#include <array>
#include <charconv>

namespace nuncio::protocol {
namespace {

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> text{};
  const auto* end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), static_cast<std::size_t>(end - text.data()));
}

/// `verb subject [reply] `
void start_line(std::string& out,
                std::string_view verb,
                std::string_view subject,
                std::string_view reply) {
  out += verb;
  out += subject;
  out += ' ';
  if (reply.empty()) return;
  out += reply;
  out += ' ';
}

}  // namespace

void append_connect(std::string& out, const connect_options& options) {
  out += "CONNECT ";
  out += to_json(options);
  out += "\r\n";
}

void append_pub(std::string& out,
                std::string_view subject,
                std::string_view reply,
                std::string_view payload) {
  start_line(out, "PUB ", subject, reply);
  append_number(out, payload.size());
  out += "\r\n";
  out += payload;
  out += "\r\n";
}

void append_hpub(std::string& out,
                 std::string_view subject,
                 std::string_view reply,
                 std::string_view header_block,
                 std::string_view payload) {
  start_line(out, "HPUB ", subject, reply);
  append_number(out, header_block.size());
  out += ' ';
  append_number(out, header_block.size() + payload.size());
  out += "\r\n";
  out += header_block;
  out += payload;
  out += "\r\n";
}

void append_sub(std::string& out,
                std::string_view subject,
                std::string_view queue,
                std::uint64_t sid) {
  start_line(out, "SUB ", subject, queue);
  append_number(out, sid);
  out += "\r\n";
}

void append_unsub(std::string& out, std::uint64_t sid, std::uint64_t max_messages) {
  out += "UNSUB ";
  append_number(out, sid);
  if (max_messages != 0) {
    out += ' ';
    append_number(out, max_messages);
  }
  out += "\r\n";
}

void append_ping(std::string& out) {
  out += "PING\r\n";
}

void append_pong(std::string& out) {
  out += "PONG\r\n";
}

}  // namespace nuncio::protocol
