#pragma once

#include "query.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server::monitor {

/// What the payload of a request to the server says, a JSON object or nothing. As with a query, a
/// reader asks for what it knows; the first value that is wrong is kept as the error, and whatever
/// is read after it is the default. A name is found in any case if it isn't there as it is, and
/// `null` is as good as none.
/// Source: nats-server 2.15.2, server/events.go; Go's encoding/json for the case.
/// Thread: one at a time.
class request_options {
 public:
  explicit request_options(std::string_view payload);

  [[nodiscard]] bool boolean(std::string_view name);
  [[nodiscard]] std::int64_t integer(std::string_view name);
  [[nodiscard]] std::uint64_t unsigned_integer(std::string_view name);
  [[nodiscard]] std::string text(std::string_view name);
  [[nodiscard]] std::vector<std::string> texts(std::string_view name);
  /// 0: open, 1: closed, 2: all.
  [[nodiscard]] state_filter state(std::string_view name);

  /// Empty: all that was read was good.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  void read(std::string_view payload);
  [[nodiscard]] const boost::json::value* find(std::string_view name) const;
  void fail(std::string text);
  void expect(std::string_view name, const boost::json::value& found, std::string_view what);

  boost::json::object all_;
  std::string error_;
};

}  // namespace nuncio::server::monitor
