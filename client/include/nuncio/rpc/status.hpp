#pragma once

#include <nuncio/protocol/rpc.hpp>

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace nuncio::rpc {

/// How a call ended; names and meanings are those of gRPC.
using code = protocol::rpc_code;

/// How a call ended, with everything that was said about it. A value: compare `code`, show `text`.
struct status : protocol::rpc_status {
  status() = default;
  /// A value. Compiled once, in the library: results of calls are everywhere.
  ///@{
  status(const status& other);
  status(status&& other) noexcept;
  status& operator=(const status& other);
  status& operator=(status&& other) noexcept;
  ~status();
  ///@}
  /// As it came over the wire.
  status(protocol::rpc_status from) : protocol::rpc_status(std::move(from)) {}
  /// `why` is for people, `reason` for programs.
  status(rpc::code what, std::string_view why, std::string_view reason = {});
  /// The same, and the handler surely didn't run.
  [[nodiscard]] static status not_run(rpc::code what,
                                      std::string_view why,
                                      std::string_view reason = {});
};

/// `DEADLINE_EXCEEDED: the deadline has passed (calc.add)`.
[[nodiscard]] std::string to_string(const status& what);

/// A value or why there is none.
template <class T>
using result = boost::system::result<T, status>;

/// What coroutines throw; thrown by a handler it becomes the caller's status, as it is.
class error : public std::exception {
 public:
  /// Pre:     it isn't ok.
  explicit error(rpc::status what);
  /// A status of no more than that.
  error(rpc::code what, std::string_view why) : error(rpc::status(what, why)) {}
  /// All that is known of the failure.
  [[nodiscard]] const rpc::status& status() const noexcept { return status_; }
  /// That of the status.
  [[nodiscard]] rpc::code code() const noexcept { return status_.code; }
  /// The status as to_string() has it.
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  rpc::status status_;
  std::string text_;
};

/// For result::value().
[[noreturn]] void throw_exception_from_error(const status& what,
                                             const boost::source_location& where);

}  // namespace nuncio::rpc
