#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What a client's certificate says of who it is, and how users are named after that.
namespace nuncio::server {

/// A name of X.500: parts, each of which is a set of attributes.
struct distinguished_name {
  struct attribute {
    std::string type;  ///< `CN`, `OU`, …; a number with dots if it has no short name
    std::string value;

    /// Types are the same in any case.
    friend bool operator==(const attribute& a, const attribute& b) noexcept;
  };
  using part = std::vector<attribute>;

  std::vector<part> parts;
};

/// As RFC 2253 writes it, `CN=a,OU=b+OU=c`. Nothing: it is no such name.
[[nodiscard]] std::optional<distinguished_name> parse_distinguished_name(std::string_view text);

/// The same parts in the same order; the attributes of a part have none.
[[nodiscard]] bool same_name(const distinguished_name& a, const distinguished_name& b);
/// The same parts in any order.
[[nodiscard]] bool same_parts(const distinguished_name& a, const distinguished_name& b);

/// The names of one certificate.
/// Source: nats-server 2.15.2, server/auth.go, checkClientTLSCertSubject, checked against a live
///         one.
struct certificate_names {
  std::vector<std::string> alternatives;  ///< e-mail addresses, DNS names, URIs: in this order
  distinguished_name subject;
  std::vector<std::string> subject_texts;  ///< as Go writes it, with domain components and without
};

/// The subject as Go writes it: the attributes that it knows, in its own order.
/// Source: Go 1.26, crypto/x509/pkix, Name.ToRDNSequence and RDNSequence.String.
[[nodiscard]] std::vector<std::string> subject_texts(const distinguished_name& subject);

}  // namespace nuncio::server
