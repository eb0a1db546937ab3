#include "protocol_trace.hpp"

#include "chunked.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace nuncio::client;
using nuncio::test::check_any_chunking;

/// The lines that are told of these pieces, each with how it goes.
std::string lines_of(const std::vector<std::string>& pieces,
                     void (protocol_trace::*way)(std::string_view)) {
  std::string told;
  protocol_trace trace([&](const protocol_line& line) {
    told += line.way == protocol_line::direction::to_server ? ">" : "<";
    told.append(line.text).append("\n");
  });
  for (const auto& each : pieces) (trace.*way)(each);
  return told;
}

}  // namespace

TEST_CASE("trace: what a server says is told line by line, without messages") {
  check_any_chunking(
      "INFO {\"a\":1}\r\nPONG\r\n+OK\r\nMSG a.b 1 12\r\nPING\r\nPONG\r\n\r\nmsg a 22 r  5 "
      "\r\nabc\r\n\r\n"
      "HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nxy\r\nMSG a 1 0\r\n\r\nPING\n-ERR 'no'\r\nPI",
      "<INFO {\"a\":1}\n<PONG\n<+OK\n<MSG a.b 1 12\n<msg a 22 r  5 \n<HMSG a 1 12 14\n<MSG a 1 0\n"
      "<PING\n<-ERR 'no'\n",
      [](const std::vector<std::string>& pieces) {
        return lines_of(pieces, &protocol_trace::heard);
      });
}

TEST_CASE("trace: what a client says is told line by line, without messages") {
  check_any_chunking(
      "SUB a q 1\r\nUNSUB 1 5\r\nPUB a 6\r\nPING\r\n\r\nPUB a r 0\r\n\r\nHPUB a r 12 12\r\n"
      "NATS/1.0\r\n\r\n\r\nPONG\r\n",
      ">SUB a q 1\n>UNSUB 1 5\n>PUB a 6\n>PUB a r 0\n>HPUB a r 12 12\n>PONG\n",
      [](const std::vector<std::string>& pieces) {
        return lines_of(pieces, &protocol_trace::said);
      });
}

TEST_CASE("trace: nothing of CONNECT that proves who this is can be seen") {
  const auto told = lines_of({"CONNECT {\"user\":\"me\",\"pass\":\"geheim1\",\"auth_token\":"
                              "\"geheim2\",\"jwt\":\"geheim3\",\"nkey\":\"UPUBLIC\",\"sig\":"
                              "\"geheim4\",\"proxy_sig\":\"geheim5\",\"name\":\"tool\"}\r\n"},
                             &protocol_trace::said);
  CAPTURE(told);
  CHECK(told.starts_with(">CONNECT {"));
  CHECK(told.find("geheim") == std::string::npos);
  for (const auto* shown : {"\"user\":\"me\"", "\"name\":\"tool\"", "UPUBLIC", "\"pass\":\"***\"",
                            "\"auth_token\":\"***\"", "\"jwt\":\"***\"", "\"sig\":\"***\""}) {
    CHECK(told.find(shown) != std::string::npos);
  }
  CHECK(lines_of({"CONNECT {\"pass\":\"geheim\"\r\n"}, &protocol_trace::said) == ">CONNECT ***\n");
  CHECK(lines_of({"CONNECT {\"name\":\"x\"}\r\n"}, &protocol_trace::said).find("***") ==
        std::string::npos);
}

TEST_CASE("trace: a new stream begins with a line, whatever the one before was cut in") {
  std::string told;
  protocol_trace trace([&](const protocol_line& line) { told += line.text; });
  trace.heard("MSG a 1 100\r\nabc");
  trace.said("PUB a 100\r\nabc");
  trace.begin();
  trace.heard("INFO {}\r\nPON");
  trace.said("PING\r\n");
  trace.begin();
  trace.heard("PING\r\n");
  CHECK(told == "MSG a 1 100PUB a 100INFO {}PINGPING");
}
