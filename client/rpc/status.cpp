#include <nuncio/rpc/status.hpp>

namespace nuncio::rpc {

status::status(const status& other) = default;
status::status(status&& other) noexcept = default;
status& status::operator=(const status& other) = default;
status& status::operator=(status&& other) noexcept = default;
status::~status() = default;

status::status(rpc::code what, std::string_view why, std::string_view because) {
  code = what;
  text = why;
  reason = because;
}

status status::not_run(rpc::code what, std::string_view why, std::string_view reason) {
  status out(what, why, reason);
  out.surely_not_run = true;
  return out;
}

std::string to_string(const status& what) {
  std::string out(protocol::to_string(what.code));
  if (what.number != 0 && what.number != protocol::to_number(what.code)) {
    out += " (" + std::to_string(what.number) + ")";
  }
  if (!what.text.empty()) out += ": " + what.text;
  if (!what.reason.empty()) out += " [" + what.reason + "]";
  return out;
}

error::error(rpc::status what) : status_(std::move(what)), text_(to_string(status_)) {}

void throw_exception_from_error(const status& what, const boost::source_location&) {
  throw error(what);
}

}  // namespace nuncio::rpc
