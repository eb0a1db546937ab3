#pragma once

#include "auth/certificate_names.hpp"
#include "core/permissions.hpp"

#include <nuncio/server/access.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::protocol {
struct connect_options;
}  // namespace nuncio::protocol

/// Who is it, and what may it do? Pure: no sockets, no time, nothing that takes long.
/// Source: nats-server 2.15.2, server/auth.go, processClientOrLeafAuthentication.
namespace nuncio::server {

/// Where those are who belong to no other account. Nobody may define one of this name.
inline constexpr std::string_view global_account = "$G";

/// What a client brings. What it leaves out is empty.
struct credentials {
  std::string_view user;
  std::string_view password;
  std::string_view token;
  std::string_view nkey;
  std::string_view signature;  ///< of the nonce, by `nkey`
};

/// Lifetime: the texts are those of `said`.
[[nodiscard]] credentials credentials_of(const protocol::connect_options& said) noexcept;

/// What the server knows of who connects.
struct caller {
  connection_type type = connection_type::standard;
  std::string_view nonce;  ///< of this connection's INFO
  /// Users are those whom their certificates name, whatever name they bring; their passwords count
  /// as ever.
  bool maps_certificates = false;
  const certificate_names* certificate = nullptr;  ///< null: it has shown none
};

/// Who a client turned out to be. Immutable, shared by all connections of the same user, and free
/// of secrets; it lives as long as the last of them.
struct principal {
  /// What it showed.
  enum class proof : std::uint8_t {
    none,      ///< nothing was asked for
    password,  ///< `name` and a password
    token,
    nkey  ///< a signature by `name`
  };
  proof by = proof::none;
  std::string name;  ///< of the user, or its nkey; empty without
  std::string account{global_account};
  std::shared_ptr<const grants> may;  ///< null: everything
  connection_types allowed;           ///< ways to come in

  /// The same client with the same rights?
  friend bool operator==(const principal& a, const principal& b) {
    return a.by == b.by && a.name == b.name && a.account == b.account && a.allowed == b.allowed &&
           same_grants(a.may.get(), b.may.get());
  }
};

/// What becomes of a client.
struct decision {
  enum class kind : std::uint8_t {
    refused,
    accepted,       ///< as `who`
    check_password  ///< as `who`, if matches_bcrypt(stored, offered), which takes long
  };
  kind what = kind::refused;
  std::shared_ptr<const principal> who;
  std::string_view stored;   ///< lives as long as the authenticator
  std::string_view offered;  ///< lives as long as the credentials
};

/// What becomes of a client that was accepted, once the users are others.
struct succession {
  enum class kind : std::uint8_t {
    refused,    ///< removed, of another password, or not allowed to come in like this
    goes_on,    ///< as `who`: the account and what it may do can have changed
    asks_again  ///< nobody knows whether what it showed is still right
  };
  kind what = kind::refused;
  std::shared_ptr<const principal> who;
};

/// Knows all users and their passwords. Immutable, so any thread may ask.
class authenticator {
 public:
  /// Pre:  check(options) has nothing to say. Of users with the same name the last one counts.
  /// Cost: 10,000 users take a few ms; users with equal permissions share one `grants`.
  explicit authenticator(const access_options& options);
  authenticator(const authenticator&) = delete;
  authenticator& operator=(const authenticator&) = delete;
  /// Wipes the passwords.
  ~authenticator();

  /// Who brings `shown`?
  ///
  /// An nkey counts more than a name with a password, if there are users with nkeys at all, and
  /// those count more than a token. Who brings none of them is the no_auth_user.
  /// Cost: 1 us, or 0.1 ms if a signature has to be verified.
  [[nodiscard]] decision decide(const credentials& shown, const caller& from) const;

  /// Who is a client that publishes or subscribes before its CONNECT? Null: nobody.
  [[nodiscard]] std::shared_ptr<const principal> without_connect(const caller& from) const;

  /// Who is `before`, whom `old` accepted, now? What it showed has not been kept, so that there are
  /// those who have to show it again.
  [[nodiscard]] succession successor(const principal& before,
                                     const authenticator& old,
                                     connection_type type) const;

  /// Is anybody refused who brings nothing, unless there is a no_auth_user?
  [[nodiscard]] bool auth_required() const noexcept { return !open_; }
  /// What INFO says: not required either if a no_auth_user is configured.
  [[nodiscard]] bool shows_auth_required() const noexcept {
    return auth_required() && (no_auth_ == nullptr || no_auth_hidden_);
  }
  /// Are there users who sign the nonce?
  [[nodiscard]] bool needs_nonce() const noexcept { return !nkeys_.empty(); }

 private:
  struct entry {
    std::shared_ptr<const principal> who;
    std::string secret;  // password or token; none for an nkey
    bool bcrypt = false;
  };
  using index = boost::unordered_flat_map<std::string_view, const entry*>;  // by who->name

  static const entry* find(const index& in, std::string_view name);
  [[nodiscard]] const entry* entry_of(const principal& who) const;
  [[nodiscard]] decision decide_nkey(const entry& user,
                                     const credentials& shown,
                                     const caller& from) const;
  [[nodiscard]] decision decide_certificate(const credentials& shown, const caller& from) const;
  [[nodiscard]] const entry* find_named(const certificate_names& by, connection_type type) const;
  [[nodiscard]] decision decide_user(const entry& user,
                                     const credentials& shown,
                                     const caller& from) const;
  static decision compare(const entry& with, std::string_view offered);

  std::vector<entry> entries_;  // never grows after the constructor: others point into it
  index users_;                 // of a list
  // Those whose names are distinguished names, in their order.
  std::vector<std::pair<const entry*, distinguished_name>> distinguished_;
  index nkeys_;
  const entry* no_auth_ = nullptr;
  const entry* single_ = nullptr;          // a token, or the only name and password
  std::shared_ptr<const principal> open_;  // set: everyone is this
  bool no_auth_hidden_ = false;            // the server's own choice, which INFO doesn't show
};

/// What is wrong with `options`, a sentence each; none: nothing.
[[nodiscard]] std::vector<std::string> check(const access_options& options);

}  // namespace nuncio::server
