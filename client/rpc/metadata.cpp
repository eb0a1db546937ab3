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
  auto rest = block_.lines();
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(line.size() + 2);
    const auto colon = line.find(": ");
    if (line.substr(0, colon) != name) continue;
    const auto value = line.substr(colon + 2);
    return name.ends_with("-bin") ? protocol::from_base64(value)
                                  : std::optional<std::string>(value);
  }
  return std::nullopt;
}

}  // namespace nuncio::rpc
