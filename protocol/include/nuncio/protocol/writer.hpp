#pragma once

#include <nuncio/protocol/connect.hpp>

#include <cstdint>
#include <string>
#include <string_view>

/// Appends what a client says to a buffer. Nothing is checked: subjects, replies, queues and sids
/// must not hold blanks or line ends. Thread: any, one per buffer. Source: NATS client protocol.
namespace nuncio::protocol {

/// `CONNECT {…}`
void append_connect(std::string& out, const connect_options& options);

/// `PUB subject [reply] size`, then the payload. An empty `reply` is none.
void append_pub(std::string& out,
                std::string_view subject,
                std::string_view reply,
                std::string_view payload);

/// `HPUB subject [reply] header-size total-size`, then header block and payload.
/// Pre:     `header_block` is whole, as headers_builder::block() gives it.
void append_hpub(std::string& out,
                 std::string_view subject,
                 std::string_view reply,
                 std::string_view header_block,
                 std::string_view payload);

/// `SUB subject [queue] sid`. An empty `queue` is none.
void append_sub(std::string& out,
                std::string_view subject,
                std::string_view queue,
                std::uint64_t sid);

/// `UNSUB sid [max]`. 0 ends the subscription at once, any other number after so many messages,
/// counted from SUB on.
void append_unsub(std::string& out, std::uint64_t sid, std::uint64_t max_messages = 0);

/// `PING`.
void append_ping(std::string& out);
/// `PONG`.
void append_pong(std::string& out);

}  // namespace nuncio::protocol
