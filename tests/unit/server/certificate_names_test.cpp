#include "auth/certificate_names.hpp"

#include "auth/authenticator.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::server;

namespace {

// `CN=a|OU=b+OU=c`, or why not.
std::string read(std::string_view text) {
  const auto name = parse_distinguished_name(text);
  if (!name) return "none";
  std::string out;
  for (const auto& part : name->parts) {
    if (!out.empty()) out += '|';
    for (const auto& one : part) {
      if (&one != &part.front()) out += '+';
      out.append(one.type).append("=").append(one.value);
    }
  }
  return out;
}

distinguished_name name(std::string_view text) {
  return parse_distinguished_name(text).value();
}

}  // namespace

TEST_CASE("distinguished names: parts, sets of attributes, blanks and escapes") {
  struct row {
    std::string_view text;
    std::string_view is;
  };
  for (const auto& [text, is] : std::vector<row>{
           {"CN=a", "CN=a"},
           {"CN=a,OU=b,O=c", "CN=a|OU=b|O=c"},
           {" CN = a , OU=b ", "CN=a|OU=b"},
           {"CN=a+OU=b,O=c", "CN=a+OU=b|O=c"},
           {R"(CN=a\,b,O=c\+d)", "CN=a,b|O=c+d"},
           {R"(CN=a\ )", "CN=a "},
           {R"(CN=\61\c3\a4)", "CN=a\xc3\xa4"},
           {"CN=a;b", "CN=a;b"},
           {"CN=a=b", "CN=a=b"},
           {"CN=", "CN="},
           {"1.2.3=a", "1.2.3=a"},
           {"", ""},
           {"a", "none"},
           {"CN=a,", "none"},
           {"CN=a,b", "none"},
           {"=a", "none"},
           {R"(CN=a\)", "none"},
           {R"(CN=\6)", "none"},
           {R"(CN=\zz)", "none"},
       }) {
    CAPTURE(text);
    CHECK(read(text) == is);
  }
}

TEST_CASE("distinguished names: types are the same in any case, values are not") {
  CHECK(same_name(name("cn=a,O=b"), name("CN=a,o=b")));
  CHECK_FALSE(same_name(name("CN=A"), name("CN=a")));
}

TEST_CASE("distinguished names: the attributes of a part have no order, parts only if asked") {
  CHECK(same_name(name("CN=a+OU=b"), name("OU=b+CN=a")));
  CHECK_FALSE(same_name(name("CN=a,OU=b"), name("OU=b,CN=a")));
  CHECK(same_parts(name("CN=a,OU=b"), name("OU=b,CN=a")));
  CHECK(same_parts(name("OU=a,CN=c,OU=b"), name("OU=b,OU=a,CN=c")));
  CHECK_FALSE(same_parts(name("OU=a,OU=b"), name("OU=a+OU=b")));
  CHECK_FALSE(same_parts(name("OU=a,OU=a"), name("OU=a,OU=b")));
  CHECK_FALSE(same_parts(name("CN=a"), name("CN=a,CN=a")));
}

TEST_CASE("certificate names: a subject as Go writes it") {
  using texts = std::vector<std::string>;
  CHECK(subject_texts(name("C=US,O=Org,OU=unit,CN=derek")) == texts{"CN=derek,OU=unit,O=Org,C=US"});
  CHECK(subject_texts(name("OU=a,OU=b,CN=c")) == texts{"CN=c,OU=a+OU=b"});
  CHECK(subject_texts(name("CN=a,CN=b")) == texts{"CN=b"});
  CHECK(subject_texts(name(R"(CN=a\,b,O=\ c)")) == texts{R"(CN=a\,b,O=\ c)"});
  CHECK(subject_texts(name("CN=a,1.2.3=x")) == texts{"CN=a"});
  CHECK(subject_texts(name("DC=com,DC=ex,CN=a")) == texts{"CN=a,DC=com,DC=ex", "CN=a"});
  CHECK(subject_texts(name("")).empty());
}

namespace {

struct mapped {
  explicit mapped(std::vector<user_options> users) : access(with(std::move(users))) {}
  static access_options with(std::vector<user_options> users) {
    access_options out;
    out.users = std::move(users);
    return out;
  }
  // The user's name; `-` if nobody is let in.
  [[nodiscard]] std::string who(const certificate_names* shown,
                                const credentials& said = {},
                                connection_type type = connection_type::standard) const {
    const auto made = access.decide(said, {type, {}, true, shown});
    return made.what == decision::kind::accepted ? made.who->name : "-";
  }
  authenticator access;
};

certificate_names names(std::vector<std::string> alternatives, std::string_view subject = "") {
  certificate_names out{std::move(alternatives), name(subject), {}};
  out.subject_texts = subject_texts(out.subject);
  return out;
}

}  // namespace

TEST_CASE("certificate names: the first that is a user's name counts") {
  const mapped users({{.name = "CN=x"}, {.name = "a@b.c"}, {.name = "h.x"}, {.name = "uri:x"}});
  const auto all = names({"a@b.c", "h.x", "uri:x"}, "CN=x");
  CHECK(users.who(&all) == "a@b.c");
  const auto uri = names({"z@b.c", "uri:x"}, "CN=x");
  CHECK(users.who(&uri) == "uri:x");
  const auto subject = names({"z@b.c"}, "CN=x");
  CHECK(users.who(&subject) == "CN=x");
  const auto nobody = names({"z@b.c"}, "CN=y");
  CHECK(users.who(&nobody) == "-");
  CHECK(users.who(nullptr) == "-");
}

TEST_CASE("certificate names: a subject in the same order counts more than one in another") {
  const mapped users({{.name = "O=o,CN=x"}, {.name = "CN=x,O=o"}});
  const auto one = names({}, "CN=x,O=o");
  CHECK(users.who(&one) == "CN=x,O=o");
  const auto other = names({}, "O=o,CN=x");
  CHECK(users.who(&other) == "O=o,CN=x");
  const auto longer = names({}, "C=c,O=o,CN=x");
  CHECK(users.who(&longer) == "-");
}

TEST_CASE("certificate names: what a user may not come in by is passed over") {
  user_options web{.name = "a@b.c"};
  web.allowed = {connection_type::websocket};
  const mapped users({web, {.name = "CN=x"}});
  const auto both = names({"a@b.c"}, "CN=x");
  CHECK(users.who(&both) == "CN=x");
  CHECK(users.who(&both, {}, connection_type::websocket) == "a@b.c");
}

TEST_CASE("certificate names: the name in CONNECT counts for nothing, the password as ever") {
  const mapped users({{.name = "a@b.c", .password = "p"}, {.name = "CN=x"}});
  const auto one = names({"a@b.c"});
  CHECK(users.who(&one) == "-");
  CHECK(users.who(&one, {.user = "a@b.c", .password = "w"}) == "-");
  CHECK(users.who(&one, {.user = "CN=x", .password = "p"}) == "a@b.c");
  CHECK(users.who(nullptr, {.user = "a@b.c", .password = "p"}) == "-");
}

TEST_CASE("certificate names: a no_auth_user is nobody's where certificates say who one is") {
  auto options = mapped::with({{.name = "any"}});
  options.no_auth_user = "any";
  const authenticator access(options);
  const auto one = names({}, "CN=x");
  CHECK(access.decide({}, {connection_type::standard, {}, true, &one}).what ==
        decision::kind::refused);
  CHECK(access.without_connect({connection_type::standard, {}, true, nullptr}) == nullptr);
  CHECK(access.without_connect({connection_type::standard}) != nullptr);
}
