#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Who may connect, and what they may do then, as plain data.
namespace nuncio::server {

/// How a client comes in.
enum class connection_type : std::uint8_t {
  standard,     ///< TCP or TLS
  websocket,    ///< `WEBSOCKET`
  leafnode,     ///< `LEAFNODE`
  leafnode_ws,  ///< `LEAFNODE_WS`
  mqtt,         ///< `MQTT`
  mqtt_ws,      ///< `MQTT_WS`
  in_process,   ///< `IN_PROCESS`: from the server's own process
};

/// A set of ways to come in.
class connection_types {
 public:
  /// All of them.
  connection_types() = default;
  /// Just these.
  connection_types(std::initializer_list<connection_type> some) : bits_(0) {
    for (const auto each : some) add(each);
  }
  /// One more.
  void add(connection_type type) noexcept { bits_ |= bit(type); }
  /// Is it one of them?
  [[nodiscard]] bool has(connection_type type) const noexcept { return (bits_ & bit(type)) != 0; }
  /// The same ones?
  friend bool operator==(const connection_types&, const connection_types&) = default;

 private:
  static constexpr std::uint8_t bit(connection_type type) noexcept {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(type));
  }
  std::uint8_t bits_ = 0x7f;
};

/// Which subjects. A deny beats an allow.
struct subject_rules {
  /// Nothing: all that isn't denied. An empty list: none.
  std::optional<std::vector<std::string>> allow;
  std::vector<std::string> deny;  ///< none of these

  friend bool operator==(const subject_rules&, const subject_rules&) = default;
};

/// How far a user may publish to the replies of the messages that it gets.
struct response_rules {
  int max = 1;  ///< to each reply; negative: unlimited
  std::chrono::nanoseconds expires =
      std::chrono::minutes(2);  ///< after the message; negative: never

  friend bool operator==(const response_rules&, const response_rules&) = default;
};

/// What a user may do.
struct permissions {
  subject_rules publish;    ///< an entry is a subject, with or without wildcards
  subject_rules subscribe;  ///< an entry may be `subject queue`, with wildcards in both
  /// Set: nothing else may be published unless `publish` allows it.
  std::optional<response_rules> responses;

  friend bool operator==(const permissions&, const permissions&) = default;
};

/// Who may connect. A name and a password, or an nkey.
struct user_options {
  std::string name;      ///< empty with an nkey
  std::string password;  ///< plain, or a bcrypt string
  std::string nkey;      ///< the public key of a user
  std::string account;   ///< empty: `$G`
  /// Null: everything. Users may share one.
  std::shared_ptr<const permissions> may;
  connection_types allowed;  ///< ways to come in

  /// What it is known by: its name, or its nkey.
  [[nodiscard]] const std::string& id() const noexcept { return nkey.empty() ? name : nkey; }

  /// The same, down to the permissions?
  friend bool operator==(const user_options& a, const user_options& b) {
    const bool may_same = a.may == b.may || (a.may && b.may && *a.may == *b.may);
    return may_same && a.name == b.name && a.password == b.password && a.nkey == b.nkey &&
           a.account == b.account && a.allowed == b.allowed;
  }
};

/// Can this be an entry of a list of permissions: a subject, or a subject, blanks and a queue,
/// which has a meaning for subscriptions only?
[[nodiscard]] bool is_permission(std::string_view entry, bool may_name_queue) noexcept;

/// Is one of them known by this name?
[[nodiscard]] bool has_user(const std::vector<user_options>& users, std::string_view id) noexcept;

/// Where a part of the messages of a mapping goes.
struct mapping_destination {
  std::string subject;  ///< as protocol::subject_transform takes it
  int weight = 100;     ///< percent of the messages
  std::string cluster;  ///< only there; empty: where there is no destination for the cluster

  friend bool operator==(const mapping_destination&, const mapping_destination&) = default;
};

/// Messages that are published to one subject and shall go to others.
struct mapping_options {
  std::string source;  ///< a subject, with or without wildcards
  /// What their weights leave goes to the subject itself, unless the source is among them: then
  /// that part is lost.
  std::vector<mapping_destination> destinations;

  friend bool operator==(const mapping_options&, const mapping_options&) = default;
};

/// An isolated space of subjects, and its limits; negative ones mean unlimited.
struct account_options {
  std::string name;                     ///< as clients see it in INFO
  std::int64_t max_connections = -1;    ///< clients at a time
  std::int64_t max_subscriptions = -1;  ///< of each of its clients
  std::int64_t max_payload = -1;        ///< bytes of a message
  /// Of what its clients publish. The first one counts whose source matches.
  std::vector<mapping_options> mappings;
  /// Where it is told what became of messages that their `traceparent` says are sampled; empty:
  /// nowhere.
  std::string trace_destination;
  int trace_sampling = 100;  ///< percent of those messages, at least 1

  friend bool operator==(const account_options&, const account_options&) = default;
};

/// Who may connect. All empty: everyone, and lands in `$G`.
struct access_options {
  /// The only credentials, if there are no users: a name and a password, or a token. Passwords and
  /// the token are plain or bcrypt strings.
  ///@{
  std::string user;
  std::string password;
  std::string token;
  ///@}
  std::vector<user_options> users;        ///< of all accounts
  std::vector<account_options> accounts;  ///< beside `$G`, which is always there
  std::vector<mapping_options> mappings;  ///< of `$G`
  /// The user that those are who bring no credentials; empty: they are refused.
  std::string no_auth_user;
  /// How long a client may take until its CONNECT; 0: 2 s, or a second more than TLS may take.
  std::chrono::milliseconds timeout{0};
  /// The account of the server's own events; empty: there is none.
  std::string system_account = "$SYS";
};

}  // namespace nuncio::server
