#pragma once

#include <cstddef>
#include <string_view>

/// Subjects: tokens separated by dots. A token that is exactly `*` stands for one token, one that
/// is exactly `>` for one or more at the end; inside of a longer token both are plain characters.
/// All functions are pure, never throw and may be called from any thread.
/// Source: nats-server 2.15.2, server/sublist.go.
namespace nuncio::protocol {

/// The part of `subject` before its first dot.
[[nodiscard]] std::string_view first_token(std::string_view subject) noexcept;

/// True if no token is `*` or `>`, so that the subject can match itself only.
[[nodiscard]] bool is_literal(std::string_view subject) noexcept;

/// True if every token is non-empty. A message published to any other subject reaches nobody.
[[nodiscard]] bool has_only_full_tokens(std::string_view subject) noexcept;

/// True if there is a space, tab, CR or LF in it, which would end a word or a line of the protocol.
[[nodiscard]] bool has_blank(std::string_view text) noexcept;

/// True if every token is non-empty and without a blank: what a client may put into PUB.
[[nodiscard]] bool is_publishable(std::string_view subject) noexcept;

/// True if `subject` may be subscribed to: no empty token, and nothing after `>`.
[[nodiscard]] bool is_valid_subscription(std::string_view subject) noexcept;

/// True if a pedantic server accepts `subject` for publishing: no empty token, no wildcard token.
[[nodiscard]] bool is_valid_publish(std::string_view subject) noexcept;

/// True if a message published to `subject` reaches a subscription of `pattern`.
/// The tokens of `subject` are taken as they are, so that `a.*` matches `a.*` and `a.>`, not `a.b`.
[[nodiscard]] bool matches(std::string_view subject, std::string_view pattern) noexcept;

/// True if everything that `inner` matches is matched by `outer` too; both may hold wildcards.
[[nodiscard]] bool covers(std::string_view outer, std::string_view inner) noexcept;

/// True if some literal subject is matched by both patterns.
[[nodiscard]] bool overlaps(std::string_view a, std::string_view b) noexcept;

/// Number of tokens; 1 for the empty subject.
[[nodiscard]] std::size_t count_tokens(std::string_view subject) noexcept;

/// Takes the tokens of a subject from the front, one at a time.
class token_reader {
 public:
  /// Lifetime: the bytes of `subject`, as long as this and the tokens.
  explicit token_reader(std::string_view subject) noexcept : rest_(subject) {}

  /// False once the last token has been taken. An empty subject has one empty token.
  [[nodiscard]] bool has_next() const noexcept { return !done_; }
  /// Pre: has_next().
  std::string_view next() noexcept {
    const auto dot = rest_.find('.');
    const std::string_view token = rest_.substr(0, dot);
    if (dot == std::string_view::npos) {
      done_ = true;
    } else {
      rest_.remove_prefix(dot + 1);
    }
    return token;
  }

 private:
  std::string_view rest_;
  bool done_ = false;
};

}  // namespace nuncio::protocol
