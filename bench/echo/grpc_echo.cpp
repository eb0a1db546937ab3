#include "grpc_echo.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <iostream>

struct echoes final : Echoes::Service {
  grpc::Status Say(grpc::ServerContext*, const Echo* what, Echo* reply) override {
    *reply = *what;
    return grpc::Status::OK;
  }
};

int main(int, char** words) {
  echoes service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(words[1], grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  const auto stub =
      Echoes::NewStub(grpc::CreateChannel(words[1], grpc::InsecureChannelCredentials()));
  Echo what;
  what.set_number(42);
  what.set_text("hello");
  Echo reply;
  grpc::ClientContext context;
  const auto status = stub->Say(&context, what, &reply);
  if (!status.ok()) throw std::runtime_error(status.error_message());
  std::cout << reply.text() << ' ' << reply.number() << '\n';
}
