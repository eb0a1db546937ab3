#include "json_text.hpp"

#include <nuncio/protocol/connect.hpp>

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace nuncio::protocol {
namespace {

namespace json = boost::json;

struct bool_field {
  std::string_view key;
  bool connect_options::* member;
};

struct text_field {
  std::string_view key;
  std::string connect_options::* member;
};

constexpr std::array bool_fields{
    bool_field{"verbose", &connect_options::verbose},
    bool_field{"pedantic", &connect_options::pedantic},
    bool_field{"echo", &connect_options::echo},
    bool_field{"tls_required", &connect_options::tls_required},
    bool_field{"headers", &connect_options::headers},
    bool_field{"no_responders", &connect_options::no_responders},
};

constexpr std::array text_fields{
    text_field{"name", &connect_options::name},
    text_field{"lang", &connect_options::lang},
    text_field{"version", &connect_options::version},
    text_field{"user", &connect_options::user},
    text_field{"pass", &connect_options::pass},
    text_field{"auth_token", &connect_options::auth_token},
    text_field{"jwt", &connect_options::jwt},
    text_field{"nkey", &connect_options::nkey},
    text_field{"sig", &connect_options::sig},
    text_field{"proxy_sig", &connect_options::proxy_sig},
};

/// The row for `key`, null if there is none.
template <class Table>
const typename Table::value_type* find_field(const Table& fields, std::string_view key) {
  for (const auto& field : fields) {
    if (equals_ignoring_case(field.key, key)) return &field;
  }
  return nullptr;
}

/// False if the value has a type that the key doesn't allow.
bool read_member(std::string_view key, const json::value& value, connect_options& into) {
  if (value.is_null()) return true;
  if (const auto* field = find_field(bool_fields, key)) {
    if (!value.is_bool()) return false;
    into.*(field->member) = value.get_bool();
    return true;
  }
  if (const auto* field = find_field(text_fields, key)) {
    if (!value.is_string()) return false;
    const auto& text = value.get_string();
    into.*(field->member) = to_valid_utf8({text.data(), text.size()});
    return true;
  }
  if (equals_ignoring_case(key, "protocol")) {
    if (!value.is_int64()) return false;
    // Go's int has 64 bits; all that matters of a large one is that it is neither 0 nor 1.
    const auto number = value.get_int64();
    into.protocol =
        std::in_range<int>(number) ? static_cast<int>(number) : std::numeric_limits<int>::max();
    return true;
  }
  if (equals_ignoring_case(key, "account")) {
    if (!value.is_string()) return false;
    into.has_account = into.has_account || !value.get_string().empty();
    return true;
  }
  if (equals_ignoring_case(key, "new_account")) {
    if (!value.is_bool()) return false;
    into.has_account = into.has_account || value.get_bool();
    return true;
  }
  // What only servers say is not for us, but its type counts.
  if (equals_ignoring_case(key, "remote_account")) return value.is_string();
  if (equals_ignoring_case(key, "import") || equals_ignoring_case(key, "export")) {
    return value.is_object();
  }
  return true;
}

}  // namespace

bool parse_connect(std::string_view text, connect_options& into) {
  std::array<unsigned char, 4096> buffer;
  json::monotonic_resource memory(buffer.data(), buffer.size());
  json::value root(&memory);
  if (!parse_json(text, root, &memory)) return false;
  if (root.is_null()) return true;  // Go leaves a struct as it is
  if (!root.is_object()) return false;

  connect_options result = into;
  for (const auto& member : root.get_object()) {
    const auto key = member.key();
    if (!read_member({key.data(), key.size()}, member.value(), result)) return false;
  }
  into = std::move(result);
  return true;
}

std::string without_secrets(std::string_view text) {
  constexpr std::string_view hidden = "[REDACTED]";
  constexpr std::array<std::string_view, 5> secrets{"pass", "auth_token", "jwt", "sig",
                                                    "proxy_sig"};
  json::value root;
  if (!parse_json(text, root, {}) || !root.is_object()) return std::string(hidden);
  for (auto& member : root.get_object()) {
    const std::string_view key{member.key().data(), member.key().size()};
    const bool is_secret = std::any_of(secrets.begin(), secrets.end(), [key](auto secret) {
      return equals_ignoring_case(key, secret);
    });
    if (is_secret) member.value() = hidden;
  }
  return json::serialize(root);
}

std::string to_json(const connect_options& options) {
  json_writer out;
  out.member("verbose", options.verbose)
      .member("pedantic", options.pedantic)
      .member("tls_required", options.tls_required)
      .member("name", options.name)
      .member("lang", options.lang)
      .member("version", options.version)
      .member("protocol", options.protocol)
      .member("echo", options.echo)
      .member("headers", options.headers)
      .member("no_responders", options.no_responders)
      .member_if_set("user", options.user)
      .member_if_set("pass", options.pass)
      .member_if_set("auth_token", options.auth_token)
      .member_if_set("jwt", options.jwt)
      .member_if_set("nkey", options.nkey)
      .member_if_set("sig", options.sig)
      .member_if_set("proxy_sig", options.proxy_sig);
  return out.finish();
}

}  // namespace nuncio::protocol
