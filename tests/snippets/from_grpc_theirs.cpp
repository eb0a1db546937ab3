// What docs/from-grpc.md quotes of gRPC. It is compiled, not run.
#include "shop.grpc.pb.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/support/server_interceptor.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;

class prices final : public shop::Prices::Service {
  grpc::Status Get(grpc::ServerContext* context,
                   const shop::PriceRequest* request,
                   shop::Price* reply) override {
    if (request->item().empty()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "which item?"};
    }
    reply->set_cents(42 * request->count());
    return grpc::Status::OK;
  }
  grpc::Status Watch(grpc::ServerContext* context,
                     const shop::PriceRequest* request,
                     grpc::ServerWriter<shop::Price>* out) override {
    shop::Price next;
    for (int cents = 40; cents < 43 && !context->IsCancelled(); ++cents) {
      next.set_cents(cents);
      if (!out->Write(next)) break;
    }
    return grpc::Status::OK;
  }
  grpc::Status Total(grpc::ServerContext* context,
                     grpc::ServerReader<shop::PriceRequest>* in,
                     shop::Price* reply) override {
    shop::PriceRequest item;
    while (in->Read(&item)) reply->set_cents(reply->cents() + 42 * item.count());
    return grpc::Status::OK;
  }
  grpc::Status Haggle(grpc::ServerContext* context,
                      grpc::ServerReaderWriter<shop::Price, shop::Price>* both) override {
    shop::Price offer;
    while (both->Read(&offer)) {
      offer.set_cents((offer.cents() + 42) / 2);
      if (!both->Write(offer)) break;
    }
    return grpc::Status::OK;
  }
};

void serve(const std::string& address) {
  prices service;
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  server->Wait();
}

std::unique_ptr<shop::Prices::Stub> stub_for(const std::string& address) {
  auto stub =
      shop::Prices::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  return stub;
}

void ask(shop::Prices::Stub& stub) {
  shop::PriceRequest request;
  request.set_item("lamp");
  request.set_count(3);
  shop::Price price;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 500ms);
  const grpc::Status status = stub.Get(&context, request, &price);
  if (!status.ok()) {
    std::cerr << status.error_message() << '\n';
    return;
  }
  std::cout << price.cents() << '\n';
}

void ask_by_callback(shop::Prices::Stub& stub,
                     grpc::ClientContext& context,
                     const shop::PriceRequest& request,
                     shop::Price& price) {
  stub.async()->Get(&context, &request, &price, [&price](const grpc::Status& status) {
    if (status.ok()) std::cout << price.cents() << '\n';
  });
}

void give_up(grpc::ClientContext& context) {
  context.TryCancel();  // from another thread; the call ends with CANCELLED
}

grpc::Status refuse() {
  shop::Price lowest;
  lowest.set_cents(40);
  return {grpc::StatusCode::FAILED_PRECONDITION, "too low", lowest.SerializeAsString()};
}

void show_refusal(const grpc::Status& status) {
  shop::Price lowest;
  if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION &&
      lowest.ParseFromString(status.error_details())) {
    std::cout << "at least " << lowest.cents() << '\n';
  }
}

grpc::Status greet(grpc::ServerContext* context) {
  const auto tenant = context->client_metadata().find("tenant");
  if (tenant != context->client_metadata().end()) {
    const std::string name(tenant->second.data(), tenant->second.size());
    context->AddTrailingMetadata("greeting", "hello, " + name);
  }
  return grpc::Status::OK;
}

void ask_as_tenant(shop::Prices::Stub& stub, const shop::PriceRequest& request) {
  grpc::ClientContext context;
  context.AddMetadata("tenant", "acme");
  shop::Price price;
  const grpc::Status status = stub.Get(&context, request, &price);
  const auto greeting = context.GetServerTrailingMetadata().find("greeting");
}

void watch(shop::Prices::Stub& stub, const shop::PriceRequest& request) {
  grpc::ClientContext context;
  const auto prices = stub.Watch(&context, request);
  shop::Price price;
  while (prices->Read(&price)) std::cout << price.cents() << '\n';
  const grpc::Status status = prices->Finish();
  if (!status.ok()) std::cerr << status.error_message() << '\n';
}

void total(shop::Prices::Stub& stub, const shop::PriceRequest& lamps) {
  grpc::ClientContext context;
  shop::Price sum;
  const auto items = stub.Total(&context, &sum);
  items->Write(lamps);
  items->Write(lamps);
  items->WritesDone();
  if (items->Finish().ok()) std::cout << sum.cents() << '\n';
}

void haggle(shop::Prices::Stub& stub) {
  grpc::ClientContext context;
  const auto both = stub.Haggle(&context);
  shop::Price offer;
  offer.set_cents(20);
  while (offer.cents() < 40 && both->Write(offer) && both->Read(&offer)) {
    std::cout << offer.cents() << '\n';
  }
  both->WritesDone();
  const grpc::Status status = both->Finish();
}

std::shared_ptr<grpc::Channel> channel_with_retries(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(R"({"methodConfig": [{
    "name": [{"service": "shop.Prices"}],
    "retryPolicy": {"maxAttempts": 5, "initialBackoff": "0.01s", "maxBackoff": "0.5s",
                    "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}
  }]})");
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  return channel;
}

std::atomic<int> calls = 0;

class call_counter final : public grpc::experimental::Interceptor {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      ++calls;
    }
    methods->Proceed();
  }
};

class call_counter_factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo*) override {
    return new call_counter;
  }
};

void count_calls(grpc::ServerBuilder& builder) {
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> all;
  all.push_back(std::make_unique<call_counter_factory>());
  builder.experimental().SetInterceptorCreators(std::move(all));
}

std::shared_ptr<grpc::Channel> secure_channel(const std::string& ca, const std::string& address) {
  grpc::SslCredentialsOptions set;
  set.pem_root_certs = ca;
  auto channel = grpc::CreateChannel(address, grpc::SslCredentials(set));
  return channel;
}

void test_in_process() {
  prices service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  const auto stub = shop::Prices::NewStub(server->InProcessChannel({}));
  ask(*stub);
}
