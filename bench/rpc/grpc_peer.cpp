// gRPC's side of the comparison.
//
//   rpc_grpc serve sync|callback PORT          PORT 0: a free one; prints `ready PORT`
//   rpc_grpc call sync|callback PORT [--connections N] [--outstanding N] [--seconds S] [--stream
//   BYTES]
#include "echo.grpc.pb.h"
#include "measuring.hpp"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <thread>

using namespace nuncio_bench;
using nuncio::bench::flags;
using nuncio::bench::steady_clock;
using nuncio::bench::tally;

namespace {

void fill(const Request& from, Reply& to) {
  to.set_sum(from.a() + from.b());
  to.set_s(from.s());
}

class sync_service final : public Echo::Service {
  grpc::Status Unary(grpc::ServerContext*, const Request* request, Reply* reply) override {
    fill(*request, *reply);
    return grpc::Status::OK;
  }
  grpc::Status Count(grpc::ServerContext*,
                     const CountRequest* request,
                     grpc::ServerWriter<Item>* out) override {
    Item item;
    item.mutable_value()->assign(request->bytes(), '.');
    for (std::uint64_t i = 0; i < request->items(); ++i) {
      if (request->bytes() >= sizeof i) std::memcpy(item.mutable_value()->data(), &i, sizeof i);
      if (!out->Write(item)) break;
    }
    return grpc::Status::OK;
  }
};

class callback_service final : public Echo::CallbackService {
  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context,
                                  const Request* request,
                                  Reply* reply) override {
    fill(*request, *reply);
    auto* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

template <class Service>
int serve(const std::string& port) {
  Service service;
  grpc::ServerBuilder builder;
  int chosen = 0;
  builder.AddListeningPort("127.0.0.1:" + port, grpc::InsecureServerCredentials(), &chosen);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (!server || chosen == 0) nuncio::bench::fail("it can't be listened on port " + port);
  std::cout << "ready " << chosen << std::endl;
  server->Wait();
  return 0;
}

std::unique_ptr<Echo::Stub> connect(const std::string& port, int number) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("number", number);  // channels that differ don't share a connection
  return Echo::NewStub(grpc::CreateCustomChannel("127.0.0.1:" + port,
                                                 grpc::InsecureChannelCredentials(), arguments));
}

void check(const grpc::Status& how, const Request& request, const Reply& reply) {
  if (!how.ok()) nuncio::bench::fail(how.error_message());
  if (reply.sum() != request.a() + request.b() || reply.s() != request.s()) {
    nuncio::bench::fail("a reply is not what was asked for");
  }
}

void call_blocking(Echo::Stub& stub, tally& all, int number) {
  Request request;
  request.set_a(number);
  request.set_s(nuncio::bench::text);
  for (int i = 0; !all.is_over(); ++i) {
    request.set_b(i);
    Reply reply;
    grpc::ClientContext context;
    const auto began = steady_clock::now();
    const auto how = stub.Unary(&context, request, &reply);
    check(how, request, reply);
    all.note_call(began);
  }
}

/// One call after another, by callbacks. It is never destroyed: the process ends.
class lane {
 public:
  lane(Echo::Stub& stub, tally& all, int number) : stub_(stub), all_(all) {
    request_.set_a(number);
    request_.set_s(nuncio::bench::text);
  }
  void next() {
    if (all_.is_over()) return;
    request_.set_b(request_.b() + 1);
    context_.emplace();
    reply_.Clear();
    began_ = steady_clock::now();
    stub_.async()->Unary(&*context_, &request_, &reply_, [this](const grpc::Status& how) {
      check(how, request_, reply_);
      all_.note_call(began_);
      next();
    });
  }

 private:
  Echo::Stub& stub_;
  tally& all_;
  Request request_;
  Reply reply_;
  std::optional<grpc::ClientContext> context_;
  steady_clock::time_point began_;
};

void read_stream(Echo::Stub& stub, tally& all, std::uint32_t bytes) {
  CountRequest request;
  request.set_items(UINT64_MAX);
  request.set_bytes(bytes);
  grpc::ClientContext context;
  const auto reader = stub.Count(&context, request);
  Item item;
  for (std::uint64_t i = 0; !all.is_over(); ++i) {
    if (!reader->Read(&item)) nuncio::bench::fail("the stream ended");
    nuncio::bench::check_item(item.value(), i, bytes);
    all.note_message();
  }
  context.TryCancel();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) nuncio::bench::fail("rpc_grpc serve|call sync|callback PORT");
  const std::string what = argv[1];
  const std::string how = argv[2];
  const std::string port = argv[3];
  if (what == "serve") {
    return how == "sync" ? serve<sync_service>(port) : serve<callback_service>(port);
  }
  const flags set(argc, argv, 4);
  auto& all = *new tally;
  for (int c = 0; c < set.connections; ++c) {
    auto& stub = *connect(port, c).release();
    for (int i = 0; i < set.outstanding; ++i) {
      if (set.stream > 0) {
        std::thread([&] { read_stream(stub, all, set.stream); }).detach();
      } else if (how == "sync") {
        std::thread([&, i] { call_blocking(stub, all, i); }).detach();
      } else {
        (new lane(stub, all, i))->next();
      }
    }
  }
  all.run(set);
  std::_Exit(0);
}
