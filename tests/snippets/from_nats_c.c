/* What docs/from-nats-c.md quotes of the NATS C client. It is compiled, not run. */
#include <nats/nats.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

natsStatus connect_to(natsConnection** nc, const char* url) {
  natsOptions* options = NULL;
  natsStatus s = natsOptions_Create(&options);
  if (s == NATS_OK) s = natsOptions_SetURL(options, url);
  if (s == NATS_OK) s = natsOptions_SetName(options, "orders");
  if (s == NATS_OK) s = natsConnection_Connect(nc, options);
  if (s != NATS_OK) fprintf(stderr, "%s\n", natsStatus_GetText(s));
  natsOptions_Destroy(options);
  return s;
}

natsStatus publish(natsConnection* nc) {
  natsStatus s = natsConnection_PublishString(nc, "orders.new", "3 lamps for Ada");
  if (s == NATS_OK) s = natsConnection_FlushTimeout(nc, 5000);
  return s;
}

natsStatus subscribe_sync(natsConnection* nc) {
  natsSubscription* orders = NULL;
  natsStatus s = natsConnection_SubscribeSync(&orders, nc, "orders.>");
  natsMsg* order = NULL;
  if (s == NATS_OK) s = natsSubscription_NextMsg(&order, orders, 1000);
  if (s == NATS_OK) printf("%s: %s\n", natsMsg_GetSubject(order), natsMsg_GetData(order));
  natsMsg_Destroy(order);
  natsSubscription_Destroy(orders);
  return s;
}

void on_order(natsConnection* nc, natsSubscription* sub, natsMsg* msg, void* closure) {
  printf("%s: %.*s\n", natsMsg_GetSubject(msg), natsMsg_GetDataLength(msg), natsMsg_GetData(msg));
  natsMsg_Destroy(msg);
}

natsStatus subscribe_async(natsConnection* nc, natsSubscription** orders) {
  return natsConnection_Subscribe(orders, nc, "orders.>", on_order, NULL);
}

natsStatus subscribe_queue(natsConnection* nc, natsSubscription** orders) {
  return natsConnection_QueueSubscribe(orders, nc, "orders.>", "workers", on_order, NULL);
}

natsStatus request(natsConnection* nc) {
  natsMsg* price = NULL;
  natsStatus s = natsConnection_RequestString(&price, nc, "price.get", "lamp", 1000);
  if (s == NATS_NO_RESPONDERS) fprintf(stderr, "nobody knows prices\n");
  if (s == NATS_OK) printf("%s\n", natsMsg_GetData(price));
  natsMsg_Destroy(price);
  return s;
}

natsStatus request_many(natsConnection* nc) {
  natsInbox* inbox = NULL;
  natsSubscription* answers = NULL;
  natsStatus s = natsInbox_Create(&inbox);
  if (s == NATS_OK) s = natsConnection_SubscribeSync(&answers, nc, inbox);
  if (s == NATS_OK) s = natsConnection_PublishRequestString(nc, "price.get", inbox, "lamp");
  while (s == NATS_OK) {  // until nothing comes for 200 ms
    natsMsg* answer = NULL;
    s = natsSubscription_NextMsg(&answer, answers, 200);
    if (s == NATS_OK) printf("%s\n", natsMsg_GetData(answer));
    natsMsg_Destroy(answer);
  }
  natsSubscription_Destroy(answers);
  natsInbox_Destroy(inbox);
  return s == NATS_TIMEOUT ? NATS_OK : s;
}

natsStatus publish_with_headers(natsConnection* nc) {
  natsMsg* order = NULL;
  natsStatus s = natsMsg_Create(&order, "orders.new", NULL, "3 lamps", 7);
  if (s == NATS_OK) s = natsMsgHeader_Set(order, "Customer", "Ada");
  if (s == NATS_OK) s = natsConnection_PublishMsg(nc, order);
  natsMsg_Destroy(order);
  return s;
}

void show_customer(natsMsg* order) {
  const char* customer = NULL;
  if (natsMsgHeader_Get(order, "Customer", &customer) == NATS_OK) printf("for %s\n", customer);
}

natsStatus drain(natsConnection* nc) {
  natsStatus s = natsConnection_Drain(nc);  // returns at once; the closed callback tells when it is done
  return s;
}

void on_lost(natsConnection* nc, void* closure) { fprintf(stderr, "the server is gone\n"); }
void on_back(natsConnection* nc, void* closure) { fprintf(stderr, "and back\n"); }

void on_error(natsConnection* nc, natsSubscription* sub, natsStatus why, void* closure) {
  if (why == NATS_SLOW_CONSUMER) {
    int64_t dropped = 0;
    natsSubscription_GetDropped(sub, &dropped);
    fprintf(stderr, "%" PRId64 " messages are dropped\n", dropped);
  }
}

natsStatus watch(natsOptions* options) {
  natsStatus s = natsOptions_SetDisconnectedCB(options, on_lost, NULL);
  if (s == NATS_OK) s = natsOptions_SetReconnectedCB(options, on_back, NULL);
  if (s == NATS_OK) s = natsOptions_SetErrorHandler(options, on_error, NULL);
  if (s == NATS_OK) s = natsOptions_SetMaxReconnect(options, -1);
  if (s == NATS_OK) s = natsOptions_SetReconnectWait(options, 100);
  if (s == NATS_OK) s = natsOptions_SetReconnectJitter(options, 100, 1000);
  return s;
}

natsStatus secure(natsOptions* options) {
  natsStatus s = natsOptions_SetSecure(options, true);
  if (s == NATS_OK) s = natsOptions_LoadCATrustedCertificates(options, "ca.pem");
  if (s == NATS_OK) s = natsOptions_LoadCertificatesChain(options, "client.pem", "client-key.pem");
  if (s == NATS_OK) s = natsOptions_SetUserCredentialsFromFiles(options, "user.creds", NULL);
  return s;
}

void on_price(natsConnection* nc, natsSubscription* sub, natsMsg* msg, void* closure) {
  if (natsMsg_GetDataLength(msg) == 0) {
    natsMsg* failure = NULL;
    if (natsMsg_Create(&failure, natsMsg_GetReply(msg), NULL, NULL, 0) == NATS_OK) {
      natsMsgHeader_Set(failure, "Nats-Service-Error", "which item?");
      natsMsgHeader_Set(failure, "Nats-Service-Error-Code", "400");
      natsConnection_PublishMsg(nc, failure);
    }
    natsMsg_Destroy(failure);
  } else {
    natsConnection_PublishString(nc, natsMsg_GetReply(msg), "42");
  }
  natsMsg_Destroy(msg);
}

natsStatus serve(natsConnection* nc, natsSubscription** prices) {
  return natsConnection_QueueSubscribe(prices, nc, "prices.get", "q", on_price, NULL);
}
