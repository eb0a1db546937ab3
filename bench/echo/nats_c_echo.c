#include <nats/nats.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct echo {
  int32_t number;
  char text[32];
};

static void say(natsConnection* nc, natsSubscription* sub, natsMsg* msg, void* unused) {
  (void)sub, (void)unused;
  natsConnection_Publish(nc, natsMsg_GetReply(msg), natsMsg_GetData(msg),
                         natsMsg_GetDataLength(msg));
  natsMsg_Destroy(msg);
}

int main(int count, char** words) {
  natsConnection* nc = NULL;
  natsSubscription* service = NULL;
  natsMsg* reply = NULL;
  struct echo what = {42, "hello"};
  natsStatus s = natsConnection_ConnectTo(&nc, words[count - 1]);
  if (s == NATS_OK) s = natsConnection_QueueSubscribe(&service, nc, "echo.say", "q", say, NULL);
  if (s == NATS_OK) s = natsConnection_Request(&reply, nc, "echo.say", &what, sizeof what, 5000);
  if (s == NATS_OK && natsMsg_GetDataLength(reply) != sizeof what) s = NATS_ERR;
  if (s == NATS_OK) {
    memcpy(&what, natsMsg_GetData(reply), sizeof what);
    printf("%s %d\n", what.text, (int)what.number);
  } else {
    fprintf(stderr, "%s\n", natsStatus_GetText(s));
  }
  natsMsg_Destroy(reply);
  natsSubscription_Destroy(service);
  natsConnection_Destroy(nc);
  nats_Close();
  return s == NATS_OK ? 0 : 1;
}
