#pragma once

#include <string_view>

/// Passwords and tokens as a configuration holds them: plain, or as bcrypt strings.
/// Pure; any thread.
namespace nuncio::server {

/// `$2`, one of `abxy`, `$`, two digits and `$`, whatever follows: checked as a bcrypt string then,
/// even if it can't be one.
/// Source: nats-server 2.15.2, server/auth.go, isBcrypt.
[[nodiscard]] bool is_bcrypt(std::string_view stored) noexcept;

/// Is `offered` the same? Takes the same time for all plain passwords of less than 128 bytes, right
/// or wrong, of the same length or another.
/// Pre: `stored` isn't a bcrypt string.
[[nodiscard]] bool matches_plain(std::string_view stored, std::string_view offered);

/// Was `stored` made of `offered`? False for anything that isn't a bcrypt string as a whole. `x`
/// and `y` are read as `b`; only the first 72 bytes of a password count; what follows the 60
/// characters of the string doesn't. A password with a zero among its first 72 bytes is none.
///
/// Cost:   2^n rounds, where `stored` says n, from 4 to 31: 1 ms at 4, 0.1 s at 11, days at 31. Not
///         for a thread that has other things to do.
/// Source: golang.org/x/crypto v0.57, bcrypt, CompareHashAndPassword, but for the zero bytes, which
///         libxcrypt can't be given.
[[nodiscard]] bool matches_bcrypt(std::string_view stored, std::string_view offered);

}  // namespace nuncio::server
