#include "header_lines.hpp"

#include <nuncio/protocol/base64.hpp>
#include <nuncio/rpc/metadata.hpp>

namespace nuncio::rpc {
namespace {

bool is_reserved(std::string_view name) noexcept {
  return name.starts_with("Nuncio") || name.starts_with("Nats-") || name == "Content-Type" ||
         name == "Content-Encoding";
}

}  // namespace

metadata::metadata(const protocol::header_view& from) {
  for (const auto& [key, value] : from) {
    if (!is_reserved(key)) block_.add(key, value);
  }
}

bool metadata::add(std::string_view name, std::string_view value) {
  if (is_reserved(name)) return false;
  return block_.add(name, name.ends_with("-bin") ? protocol::to_base64(value) : std::string(value));
}

std::optional<std::string> metadata::find(std::string_view name) const {
  std::optional<std::string> out;
  for_each_header(block_.lines(), [&](std::string_view each, std::string_view value) {
    if (each != name) return true;
    if (name.ends_with("-bin")) {
      out = protocol::from_base64(value);
    } else {
      out = value;
    }
    return false;
  });
  return out;
}

}  // namespace nuncio::rpc
