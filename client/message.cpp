#include <nuncio/client/message.hpp>

#include <cstring>

namespace nuncio::client {

message::message(const message_view& from)
    : bytes_(std::make_unique_for_overwrite<char[]>(from.subject.size() + from.reply.size() +
                                                    from.header_block.size() +
                                                    from.payload.size())),
      subject_size_(static_cast<std::uint32_t>(from.subject.size())),
      reply_size_(static_cast<std::uint32_t>(from.reply.size())),
      header_size_(static_cast<std::uint32_t>(from.header_block.size())),
      payload_size_(static_cast<std::uint32_t>(from.payload.size())) {
  char* at = bytes_.get();
  for (const auto part : {from.subject, from.reply, from.header_block, from.payload}) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
}

protocol::header_view message::headers() const {
  protocol::header_view out;
  if (!protocol::parse_headers(header_block(), out)) return {};
  return out;
}

bool is_no_responders(const message_view& m) noexcept {
  return m.payload.empty() && m.header_block.starts_with("NATS/1.0 503");
}

}  // namespace nuncio::client
