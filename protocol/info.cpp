#include "json_text.hpp"

#include <nuncio/protocol/info.hpp>

#include <array>
#include <utility>

namespace nuncio::protocol {
namespace {

namespace json = boost::json;

std::string text_of(const json::value& value) {
  const auto& text = value.get_string();
  return to_valid_utf8({text.data(), text.size()});
}

void read(const json::value& value, std::string& into) {
  if (value.is_string()) into = text_of(value);
}

void read(const json::value& value, bool& into) {
  if (value.is_bool()) into = value.get_bool();
}

template <class Integer>
void read_integer(const json::value& value, Integer& into) {
  if (value.is_int64()) {
    const auto number = value.get_int64();
    if (std::in_range<Integer>(number)) into = static_cast<Integer>(number);
  } else if (value.is_uint64()) {
    const auto number = value.get_uint64();
    if (std::in_range<Integer>(number)) into = static_cast<Integer>(number);
  }
}

void read(const json::value& value, int& into) {
  read_integer(value, into);
}
void read(const json::value& value, std::uint16_t& into) {
  read_integer(value, into);
}
void read(const json::value& value, std::int64_t& into) {
  read_integer(value, into);
}
void read(const json::value& value, std::uint64_t& into) {
  read_integer(value, into);
}

void read(const json::value& value, std::vector<std::string>& into) {
  if (!value.is_array()) return;
  into.clear();
  for (const auto& entry : value.get_array()) {
    if (entry.is_string()) into.push_back(text_of(entry));
  }
}

}  // namespace

std::string to_json(const server_info& info) {
  json_writer out;
  out.member("server_id", info.server_id)
      .member("server_name", info.server_name)
      .member("version", info.version)
      .member("proto", info.proto)
      .member_if_set("git_commit", info.git_commit)
      .member("go", info.go)
      .member("host", info.host)
      .member("port", int{info.port})
      .member("headers", info.headers)
      .member_if_set("auth_required", info.auth_required)
      .member_if_set("tls_required", info.tls_required)
      .member_if_set("tls_verify", info.tls_verify)
      .member_if_set("tls_available", info.tls_available)
      .member("max_payload", info.max_payload)
      .member_if_set("jetstream", info.jetstream)
      .member_if_set("client_id", info.client_id)
      .member_if_set("client_ip", info.client_ip)
      .member_if_set("nonce", info.nonce)
      .member_if_set("cluster", info.cluster)
      .member_if_set("cluster_dynamic", info.cluster_dynamic)
      .member_if_set("domain", info.domain)
      .member_if_set("connect_urls", info.connect_urls)
      .member_if_set("ldm", info.ldm)
      .member_if_set("connect_info", info.connect_info)
      .member_if_set("remote_account", info.remote_account)
      .member_if_set("acc_is_sys", info.acc_is_sys)
      .member_if_set("api_lvl", info.api_lvl)
      .member_if_set("xkey", info.xkey);
  if (!info.nuncio_version.empty()) {
    json_writer own;
    own.member("version", info.nuncio_version).member("features", info.nuncio_features);
    out.raw_member("nuncio", own.finish());
  }
  return out.finish();
}

std::string info_line(const server_info& info) {
  return "INFO " + to_json(info) + " \r\n";
}

std::optional<server_info> parse_info(std::string_view text) {
  std::array<unsigned char, 4096> buffer;
  json::monotonic_resource memory(buffer.data(), buffer.size());
  json::value root(&memory);
  if (!parse_json(text, root, &memory) || !root.is_object()) return std::nullopt;
  const auto& object = root.get_object();

  server_info info;
  info.headers = false;
  const auto field = [&object](std::string_view key, auto& into) {
    const auto* value = object.if_contains(json::string_view(key.data(), key.size()));
    if (value != nullptr) read(*value, into);
  };
  field("server_id", info.server_id);
  field("server_name", info.server_name);
  field("version", info.version);
  field("proto", info.proto);
  field("git_commit", info.git_commit);
  field("go", info.go);
  field("host", info.host);
  field("port", info.port);
  field("headers", info.headers);
  field("auth_required", info.auth_required);
  field("tls_required", info.tls_required);
  field("tls_verify", info.tls_verify);
  field("tls_available", info.tls_available);
  field("max_payload", info.max_payload);
  field("jetstream", info.jetstream);
  field("client_id", info.client_id);
  field("client_ip", info.client_ip);
  field("nonce", info.nonce);
  field("cluster", info.cluster);
  field("cluster_dynamic", info.cluster_dynamic);
  field("domain", info.domain);
  field("connect_urls", info.connect_urls);
  field("ldm", info.ldm);
  field("connect_info", info.connect_info);
  field("remote_account", info.remote_account);
  field("acc_is_sys", info.acc_is_sys);
  field("api_lvl", info.api_lvl);
  field("xkey", info.xkey);
  if (const auto* own = object.if_contains("nuncio"); own != nullptr && own->is_object()) {
    const auto& members = own->get_object();
    if (const auto* value = members.if_contains("version")) read(*value, info.nuncio_version);
    if (const auto* value = members.if_contains("features")) read(*value, info.nuncio_features);
  }
  return info;
}

}  // namespace nuncio::protocol
