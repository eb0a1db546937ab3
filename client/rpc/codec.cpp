#include <nuncio/rpc/codec.hpp>

#include <cxxabi.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace nuncio::rpc {
namespace {

constexpr std::array<std::string_view, 5> names{"application/msgpack", "application/json",
                                                "application/protobuf", "text/plain",
                                                "application/octet-stream"};

}  // namespace

std::string_view to_string(content_type type) noexcept {
  return names[static_cast<std::size_t>(type)];
}

std::optional<content_type> parse_content_type(std::string_view text) noexcept {
  text = text.substr(0, text.find(';'));
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<content_type>(i);
  }
  return std::nullopt;
}

std::string readable_name(const std::type_info& type) {
  int failed = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &failed), &std::free);
  return failed == 0 ? name.get() : type.name();
}

}  // namespace nuncio::rpc
