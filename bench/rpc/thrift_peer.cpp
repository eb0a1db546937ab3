// Thrift's side of the comparison: a thread for each connection on both sides, TBinaryProtocol over
// TBufferedTransport, which reads a message at once where TFramedTransport reads twice.
//
//   rpc_thrift serve PORT          PORT 0: a free one; prints `ready PORT`
//   rpc_thrift call PORT [--connections N] [--outstanding N] [--seconds S]
//
// Its client has one call at a time for a connection: there are connections x outstanding of them.
#include "Echo.h"
#include "measuring.hpp"

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>
#include <thrift/transport/TSocket.h>

#include <memory>
#include <thread>

using namespace apache::thrift;
using nuncio::bench::flags;
using nuncio::bench::steady_clock;
using nuncio::bench::tally;
using nuncio_bench::EchoClient;
using nuncio_bench::EchoProcessor;
using nuncio_bench::Reply;
using nuncio_bench::Request;

namespace {

class echo final : public nuncio_bench::EchoIf {
  void unary(Reply& reply, const Request& request) override {
    reply.sum = request.a + request.b;
    reply.s = request.s;
  }
};

class says_ready final : public server::TServerEventHandler {
 public:
  explicit says_ready(const transport::TServerSocket& listening) : listening_(listening) {}
  void preServe() override { std::cout << "ready " << listening_.getPort() << std::endl; }

 private:
  const transport::TServerSocket& listening_;
};

void serve(int port) {
  const auto listening = std::make_shared<transport::TServerSocket>("127.0.0.1", port);
  server::TThreadedServer all(std::make_shared<EchoProcessor>(std::make_shared<echo>()), listening,
                              std::make_shared<transport::TBufferedTransportFactory>(),
                              std::make_shared<protocol::TBinaryProtocolFactory>());
  all.setServerEventHandler(std::make_shared<says_ready>(*listening));
  all.serve();
}

void call(int port, tally& all, int number) try {
  const auto wire = std::make_shared<transport::TBufferedTransport>(
      std::make_shared<transport::TSocket>("127.0.0.1", port));
  wire->open();
  EchoClient client(std::make_shared<protocol::TBinaryProtocol>(wire));
  Request request;
  request.a = number;
  request.s = nuncio::bench::text;
  Reply reply;
  for (; !all.is_over(); ++request.b) {
    const auto began = steady_clock::now();
    client.unary(reply, request);
    if (reply.sum != request.a + request.b || reply.s != request.s) {
      nuncio::bench::fail("a reply is not what was asked for");
    }
    all.note_call(began);
  }
} catch (const TException& why) {
  nuncio::bench::fail(why.what());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) nuncio::bench::fail("rpc_thrift serve|call PORT");
  const int port = std::atoi(argv[2]);
  if (argv[1] == std::string_view("serve")) {
    serve(port);
    return 0;
  }
  const flags set(argc, argv, 3);
  auto& all = *new tally;
  for (int i = 0; i < set.connections * set.outstanding; ++i) {
    std::thread([&all, port, i] { call(port, all, i); }).detach();
  }
  all.run(set);
  std::_Exit(0);
}
