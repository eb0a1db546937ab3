#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::server::monitor {

/// Which connections a page is asked for.
enum class state_filter : std::uint8_t { open, closed, all };

/// How much of the subscriptions a page is asked for.
enum class subscription_list : std::uint8_t { none, subjects, detail };

/// What stands behind the `?` of a page's address. A page reads what it knows, in its order; the
/// first value that is wrong is kept as the error, and whatever is read after it is the default:
///
///     query of(request.query);
///     const bool auth = of.boolean("auth");
///     const auto limit = of.integer("limit");
///     if (!of.error().empty()) return bad_request(of.error());
///
/// Of a name that is there twice the first value counts; an empty value is as good as none; names
/// and values are percent-decoded, and those that can't be are passed over.
/// Source: nats-server 2.15.2, server/monitor.go, decodeBool and its like, with the texts of Go's
///         strconv.
/// Thread: one at a time.
class query {
 public:
  /// Pre: `text` is as it came, without the `?`.
  explicit query(std::string_view text);

  /// Empty: it isn't there, or is empty.
  [[nodiscard]] std::string_view text(std::string_view name) const noexcept;

  // Those of the wrong form are errors.

  [[nodiscard]] bool boolean(std::string_view name);
  [[nodiscard]] std::int64_t integer(std::string_view name);
  [[nodiscard]] std::uint64_t unsigned_integer(std::string_view name);
  /// A boolean, or `detail`.
  [[nodiscard]] subscription_list subscriptions(std::string_view name);
  /// `open`, which is the default, `closed`, `all` or `any`, in any case.
  [[nodiscard]] state_filter state(std::string_view name);

  /// A page's own complaint, as the getters have theirs: only the first counts.
  void fail(std::string text);
  /// The body of the answer 400; empty: all that was read was good.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  std::vector<std::pair<std::string, std::string>> all_;
  std::string error_;
};

/// Without `%XX`, and with blanks for `+` if `has_plus`. False: it isn't well-formed.
[[nodiscard]] bool percent_decode(std::string_view text, bool has_plus, std::string& out);

}  // namespace nuncio::server::monitor
