#include "credentials.hpp"

#include <nuncio/client/error.hpp>
#include <nuncio/protocol/base64.hpp>
#include <nuncio/protocol/creds.hpp>
#include <nuncio/protocol/nkey.hpp>

#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

namespace nuncio::client {
namespace {

using boost::system::error_code;

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) return std::nullopt;
  return text;
}

}  // namespace

boost::system::result<credentials> load_credentials(const options& set,
                                                    const protocol::server_url& server,
                                                    std::string& why) {
  if (set.ask_credentials) return set.ask_credentials(server);
  credentials out;
  out.user = set.user;
  out.password = set.password;
  out.token = set.token;
  out.nkey_seed = set.nkey_seed;
  const auto fail = [&why](const std::string& path, std::string_view what) {
    why = path + ": " + std::string(what);
    return error_code(errc::bad_credentials);
  };
  if (!set.nkey_seed_file.empty()) {
    const auto text = read_file(set.nkey_seed_file);
    if (!text) return fail(set.nkey_seed_file, "the file can't be read");
    auto seed = protocol::find_seed(*text);
    if (!seed) return fail(set.nkey_seed_file, "expected a line with a seed, which begins with SU");
    out.nkey_seed = *std::move(seed);
  }
  if (!set.creds_file.empty()) {
    const auto text = read_file(set.creds_file);
    if (!text) return fail(set.creds_file, "the file can't be read");
    auto found = protocol::parse_creds(*text);
    if (!found) {
      return fail(set.creds_file, "expected a user's JWT and a seed, each between lines of dashes");
    }
    out.jwt = std::move(found->jwt);
    out.nkey_seed = std::move(found->seed);
  }
  return out;
}

error_code say_credentials(const credentials& who,
                           std::string_view nonce,
                           protocol::connect_options& into) {
  into.user = who.user;
  into.pass = who.password;
  into.auth_token = who.token;
  into.jwt = who.jwt;
  into.nkey = who.nkey;
  if (!who.nkey_seed.empty()) {
    const auto keys = protocol::nkey_pair::from_seed(who.nkey_seed);
    if (!keys) return errc::bad_credentials;
    into.nkey = keys->public_key();
    if (!nonce.empty()) into.sig = protocol::to_base64url(keys->sign(nonce));
  } else if (who.sign && !nonce.empty()) {
    const auto signature = who.sign(nonce);
    if (!signature) return signature.error();
    if (signature->size() != protocol::nkey_pair::signature_size) return errc::bad_credentials;
    into.sig = protocol::to_base64url(std::as_bytes(std::span(*signature)));
  }
  // With a JWT, which names the key, servers want no second name.
  if (!who.jwt.empty()) into.nkey.clear();
  return {};
}

}  // namespace nuncio::client
