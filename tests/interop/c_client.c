/* The NATS C client against a server: one function per subject, one line of output per test.
 *
 *     c_client URL        every test; `reconnect` prints "restart" and waits until the server was
 * restarted on the same port
 */

#include <nats/nats.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char* url;
static char problem[512];

/* Leaves the test function with an explanation if the condition does not hold. */
#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      snprintf(problem, sizeof(problem), "line %d: %s", __LINE__, #condition); \
      return false;                                                            \
    }                                                                          \
  } while (0)

#define OK(call)                                                             \
  do {                                                                       \
    natsStatus status_ = (call);                                             \
    if (status_ != NATS_OK) {                                                \
      snprintf(problem, sizeof(problem), "line %d: %s: %s", __LINE__, #call, \
               natsStatus_GetText(status_));                                 \
      return false;                                                          \
    }                                                                        \
  } while (0)

static natsConnection* connect_to_server(void) {
  natsConnection* nc = NULL;
  natsStatus status = natsConnection_ConnectTo(&nc, url);
  if (status != NATS_OK) fprintf(stderr, "connect: %s\n", natsStatus_GetText(status));
  return nc;
}

static bool is_text(natsMsg* message, const char* text) {
  return natsMsg_GetDataLength(message) == (int)strlen(text) &&
         memcmp(natsMsg_GetData(message), text, strlen(text)) == 0;
}

static bool publish_and_subscribe(void) {
  natsConnection* one = connect_to_server();
  natsConnection* two = connect_to_server();
  natsSubscription* subscription = NULL;
  CHECK(one != NULL && two != NULL);
  OK(natsConnection_SubscribeSync(&subscription, two, "foo.*"));
  OK(natsConnection_Flush(two));
  for (int i = 0; i < 100; i++) {
    char subject[32], text[32], reply[32];
    snprintf(subject, sizeof(subject), "foo.%d", i);
    snprintf(text, sizeof(text), "message %d", i);
    snprintf(reply, sizeof(reply), "reply.%d", i);
    OK(natsConnection_PublishRequestString(one, subject, reply, text));
  }
  OK(natsConnection_Flush(one));
  for (int i = 0; i < 100; i++) {
    natsMsg* message = NULL;
    char subject[32], text[32], reply[32];
    snprintf(subject, sizeof(subject), "foo.%d", i);
    snprintf(text, sizeof(text), "message %d", i);
    snprintf(reply, sizeof(reply), "reply.%d", i);
    OK(natsSubscription_NextMsg(&message, subscription, 5000));
    CHECK(strcmp(natsMsg_GetSubject(message), subject) == 0);
    CHECK(strcmp(natsMsg_GetReply(message), reply) == 0);
    CHECK(is_text(message, text));
    natsMsg_Destroy(message);
  }
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(one);
  natsConnection_Destroy(two);
  return true;
}

static bool wildcards(void) {
  natsConnection* nc = connect_to_server();
  natsSubscription *star = NULL, *rest = NULL;
  natsMsg* message = NULL;
  CHECK(nc != NULL);
  OK(natsConnection_SubscribeSync(&star, nc, "a.*.c"));
  OK(natsConnection_SubscribeSync(&rest, nc, "a.>"));
  OK(natsConnection_PublishString(nc, "a.b.d", "other"));
  OK(natsConnection_PublishString(nc, "a.b.c", "both"));
  OK(natsSubscription_NextMsg(&message, star, 5000));
  CHECK(is_text(message, "both"));
  natsMsg_Destroy(message);
  OK(natsSubscription_NextMsg(&message, rest, 5000));
  CHECK(is_text(message, "other"));
  natsMsg_Destroy(message);
  OK(natsSubscription_NextMsg(&message, rest, 5000));
  CHECK(is_text(message, "both"));
  natsMsg_Destroy(message);
  natsSubscription_Destroy(star);
  natsSubscription_Destroy(rest);
  natsConnection_Destroy(nc);
  return true;
}

/* What callbacks count; they run in threads of the library. */
struct counter {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int count;
};

#define COUNTER_START {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}

static void count_one(struct counter* counter) {
  pthread_mutex_lock(&counter->lock);
  counter->count++;
  pthread_cond_broadcast(&counter->changed);
  pthread_mutex_unlock(&counter->lock);
}

static int counted(struct counter* counter) {
  pthread_mutex_lock(&counter->lock);
  int count = counter->count;
  pthread_mutex_unlock(&counter->lock);
  return count;
}

/* Waits until the sum of two counters is at least `wanted`; the second one may be NULL. */
static bool wait_for_count(struct counter* one, struct counter* two, int wanted, int seconds) {
  struct timespec step = {0, 5 * 1000 * 1000};
  for (int i = 0; i < seconds * 200; i++) {
    if (counted(one) + (two != NULL ? counted(two) : 0) >= wanted) return true;
    nanosleep(&step, NULL);
  }
  return false;
}

static void on_counted_message(natsConnection* nc,
                               natsSubscription* subscription,
                               natsMsg* message,
                               void* closure) {
  (void)nc;
  (void)subscription;
  count_one(closure);
  natsMsg_Destroy(message);
}

static bool queue_groups(void) {
  static struct counter one = COUNTER_START, two = COUNTER_START, all = COUNTER_START;
  natsConnection *a = connect_to_server(), *b = connect_to_server();
  natsSubscription *first = NULL, *second = NULL, *plain = NULL;
  CHECK(a != NULL && b != NULL);
  OK(natsConnection_QueueSubscribe(&first, a, "work", "workers", on_counted_message, &one));
  OK(natsConnection_QueueSubscribe(&second, b, "work", "workers", on_counted_message, &two));
  OK(natsConnection_Subscribe(&plain, b, "work", on_counted_message, &all));
  OK(natsConnection_Flush(a));
  OK(natsConnection_Flush(b));
  for (int i = 0; i < 200; i++) OK(natsConnection_PublishString(a, "work", "task"));
  CHECK(wait_for_count(&one, &two, 200, 10));
  CHECK(wait_for_count(&all, NULL, 200, 10));
  OK(natsConnection_Flush(a));
  OK(natsConnection_Flush(b));
  CHECK(counted(&one) + counted(&two) == 200);
  CHECK(counted(&one) > 20 && counted(&two) > 20);
  natsSubscription_Destroy(first);
  natsSubscription_Destroy(second);
  natsSubscription_Destroy(plain);
  natsConnection_Destroy(a);
  natsConnection_Destroy(b);
  return true;
}

static void on_request(natsConnection* nc,
                       natsSubscription* subscription,
                       natsMsg* message,
                       void* closure) {
  char text[128];
  (void)subscription;
  (void)closure;
  snprintf(text, sizeof(text), "answer to %.*s", natsMsg_GetDataLength(message),
           natsMsg_GetData(message));
  natsConnection_PublishString(nc, natsMsg_GetReply(message), text);
  natsMsg_Destroy(message);
}

static bool requests(void) {
  natsConnection *client = connect_to_server(), *service = connect_to_server();
  natsSubscription* subscription = NULL;
  CHECK(client != NULL && service != NULL);
  OK(natsConnection_Subscribe(&subscription, service, "svc", on_request, NULL));
  OK(natsConnection_Flush(service));
  for (int i = 0; i < 100; i++) {
    natsMsg* answer = NULL;
    char text[32], wanted[64];
    snprintf(text, sizeof(text), "%d", i);
    snprintf(wanted, sizeof(wanted), "answer to %d", i);
    OK(natsConnection_RequestString(&answer, client, "svc", text, 5000));
    CHECK(is_text(answer, wanted));
    natsMsg_Destroy(answer);
  }
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(client);
  natsConnection_Destroy(service);
  return true;
}

static bool old_style_requests(void) {
  natsConnection *client = NULL, *service = connect_to_server();
  natsOptions* options = NULL;
  natsSubscription* subscription = NULL;
  natsMsg* answer = NULL;
  CHECK(service != NULL);
  OK(natsOptions_Create(&options));
  OK(natsOptions_SetURL(options, url));
  OK(natsOptions_UseOldRequestStyle(options, true));
  OK(natsConnection_Connect(&client, options));
  OK(natsConnection_Subscribe(&subscription, service, "svc", on_request, NULL));
  OK(natsConnection_Flush(service));
  OK(natsConnection_RequestString(&answer, client, "svc", "x", 5000));
  CHECK(is_text(answer, "answer to x"));
  natsMsg_Destroy(answer);
  CHECK(natsConnection_RequestString(&answer, client, "nobody", "x", 5000) == NATS_NO_RESPONDERS);
  natsOptions_Destroy(options);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(client);
  natsConnection_Destroy(service);
  return true;
}

static bool no_responders(void) {
  natsConnection* nc = connect_to_server();
  natsSubscription* silent = NULL;
  natsMsg* answer = NULL;
  CHECK(nc != NULL);
  CHECK(natsConnection_RequestString(&answer, nc, "nobody", "hello", 5000) == NATS_NO_RESPONDERS);
  CHECK(answer == NULL);
  OK(natsConnection_SubscribeSync(&silent, nc, "silent"));
  CHECK(natsConnection_RequestString(&answer, nc, "silent", "hello", 100) == NATS_TIMEOUT);
  natsSubscription_Destroy(silent);
  natsConnection_Destroy(nc);
  return true;
}

static bool headers(void) {
  natsConnection* nc = connect_to_server();
  natsSubscription* subscription = NULL;
  natsMsg* message = NULL;
  const char* value = NULL;
  CHECK(nc != NULL);
  CHECK(natsConnection_HasHeaderSupport(nc) == NATS_OK);
  OK(natsConnection_SubscribeSync(&subscription, nc, "foo"));
  OK(natsMsg_Create(&message, "foo", NULL, "hello", 5));
  OK(natsMsgHeader_Set(message, "Color", "blue"));
  OK(natsMsgHeader_Add(message, "Many", "one"));
  OK(natsMsgHeader_Add(message, "Many", "two"));
  OK(natsConnection_PublishMsg(nc, message));
  natsMsg_Destroy(message);
  OK(natsSubscription_NextMsg(&message, subscription, 5000));
  CHECK(is_text(message, "hello"));
  OK(natsMsgHeader_Get(message, "Color", &value));
  CHECK(strcmp(value, "blue") == 0);
  const char** values = NULL;
  int count = 0;
  OK(natsMsgHeader_Values(message, "Many", &values, &count));
  CHECK(count == 2 && strcmp(values[0], "one") == 0 && strcmp(values[1], "two") == 0);
  free((void*)values);
  natsMsg_Destroy(message);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(nc);
  return true;
}

static bool auto_unsubscribe(void) {
  natsConnection* nc = connect_to_server();
  natsSubscription* subscription = NULL;
  natsMsg* message = NULL;
  CHECK(nc != NULL);
  OK(natsConnection_SubscribeSync(&subscription, nc, "foo"));
  OK(natsSubscription_AutoUnsubscribe(subscription, 5));
  for (int i = 0; i < 10; i++) OK(natsConnection_PublishString(nc, "foo", "x"));
  OK(natsConnection_Flush(nc));
  for (int i = 0; i < 5; i++) {
    OK(natsSubscription_NextMsg(&message, subscription, 5000));
    natsMsg_Destroy(message);
  }
  CHECK(natsSubscription_NextMsg(&message, subscription, 100) == NATS_MAX_DELIVERED_MSGS);
  CHECK(!natsSubscription_IsValid(subscription));
  /* Five of the ten did not even come back. */
  natsStatistics* statistics = NULL;
  uint64_t received = 0;
  OK(natsStatistics_Create(&statistics));
  OK(natsConnection_GetStats(nc, statistics));
  OK(natsStatistics_GetCounts(statistics, &received, NULL, NULL, NULL, NULL));
  CHECK(received == 5);
  natsStatistics_Destroy(statistics);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(nc);
  return true;
}

static bool large_payload(void) {
  const int size = 1024 * 1024;
  natsConnection *one = connect_to_server(), *two = connect_to_server();
  natsSubscription* subscription = NULL;
  natsMsg* message = NULL;
  char* data = malloc((size_t)size + 1);
  CHECK(one != NULL && two != NULL && data != NULL);
  for (int i = 0; i <= size; i++) data[i] = (char)(i * 7 + i / 256);
  CHECK(natsConnection_GetMaxPayload(one) == size);
  OK(natsConnection_SubscribeSync(&subscription, two, "foo"));
  OK(natsConnection_Flush(two));
  CHECK(natsConnection_Publish(one, "foo", data, size + 1) == NATS_MAX_PAYLOAD);
  for (int i = 0; i < 5; i++) {
    OK(natsConnection_Publish(one, "foo", data, size));
    OK(natsSubscription_NextMsg(&message, subscription, 10000));
    CHECK(natsMsg_GetDataLength(message) == size &&
          memcmp(natsMsg_GetData(message), data, (size_t)size) == 0);
    natsMsg_Destroy(message);
  }
  free(data);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(one);
  natsConnection_Destroy(two);
  return true;
}

static bool no_echo(void) {
  natsConnection *nc = NULL, *other = connect_to_server();
  natsOptions* options = NULL;
  natsSubscription *own = NULL, *others = NULL;
  natsMsg* message = NULL;
  CHECK(other != NULL);
  OK(natsOptions_Create(&options));
  OK(natsOptions_SetURL(options, url));
  OK(natsOptions_SetNoEcho(options, true));
  OK(natsConnection_Connect(&nc, options));
  OK(natsConnection_SubscribeSync(&own, nc, "foo"));
  OK(natsConnection_SubscribeSync(&others, other, "foo"));
  OK(natsConnection_Flush(other));
  OK(natsConnection_PublishString(nc, "foo", "mine"));
  OK(natsSubscription_NextMsg(&message, others, 5000));
  natsMsg_Destroy(message);
  OK(natsConnection_Flush(nc));
  CHECK(natsSubscription_NextMsg(&message, own, 1) == NATS_TIMEOUT);
  natsOptions_Destroy(options);
  natsSubscription_Destroy(own);
  natsSubscription_Destroy(others);
  natsConnection_Destroy(nc);
  natsConnection_Destroy(other);
  return true;
}

static bool verbose_and_pedantic(void) {
  natsConnection* nc = NULL;
  natsOptions* options = NULL;
  natsSubscription* subscription = NULL;
  CHECK(natsOptions_Create(&options) == NATS_OK);
  OK(natsOptions_SetURL(options, url));
  OK(natsOptions_SetVerbose(options, true));
  OK(natsOptions_SetPedantic(options, true));
  OK(natsConnection_Connect(&nc, options));
  OK(natsConnection_SubscribeSync(&subscription, nc, "foo"));
  for (int i = 0; i < 50; i++) OK(natsConnection_PublishString(nc, "foo", "x"));
  for (int i = 0; i < 50; i++) {
    natsMsg* message = NULL;
    OK(natsSubscription_NextMsg(&message, subscription, 5000));
    natsMsg_Destroy(message);
  }
  natsOptions_Destroy(options);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(nc);
  return true;
}

static void on_closed(natsConnection* nc, void* closure) {
  (void)nc;
  count_one(closure);
}

static void on_slow_message(natsConnection* nc,
                            natsSubscription* subscription,
                            natsMsg* message,
                            void* closure) {
  struct timespec pause = {0, 1000 * 1000};
  nanosleep(&pause, NULL);
  on_counted_message(nc, subscription, message, closure);
}

static bool drain(void) {
  static struct counter received = COUNTER_START, closed = COUNTER_START;
  natsConnection *publisher = connect_to_server(), *nc = NULL;
  natsOptions* options = NULL;
  natsSubscription* subscription = NULL;
  CHECK(publisher != NULL);
  OK(natsOptions_Create(&options));
  OK(natsOptions_SetURL(options, url));
  OK(natsOptions_SetClosedCB(options, on_closed, &closed));
  OK(natsConnection_Connect(&nc, options));
  OK(natsConnection_Subscribe(&subscription, nc, "foo", on_slow_message, &received));
  OK(natsConnection_Flush(nc));
  for (int i = 0; i < 200; i++) OK(natsConnection_PublishString(publisher, "foo", "x"));
  OK(natsConnection_Flush(publisher));
  OK(natsConnection_Flush(nc));
  OK(natsConnection_Drain(nc));
  CHECK(wait_for_count(&closed, NULL, 1, 15));
  CHECK(counted(&received) == 200);
  natsOptions_Destroy(options);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(nc);
  natsConnection_Destroy(publisher);
  return true;
}

static bool drain_subscription(void) {
  static struct counter received = COUNTER_START;
  natsConnection* nc = connect_to_server();
  natsSubscription* subscription = NULL;
  CHECK(nc != NULL);
  OK(natsConnection_Subscribe(&subscription, nc, "foo", on_slow_message, &received));
  for (int i = 0; i < 100; i++) OK(natsConnection_PublishString(nc, "foo", "x"));
  OK(natsConnection_Flush(nc));
  OK(natsSubscription_Drain(subscription));
  OK(natsSubscription_WaitForDrainCompletion(subscription, 10000));
  CHECK(counted(&received) == 100);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(nc);
  return true;
}

static bool round_trip_time(void) {
  natsConnection* nc = connect_to_server();
  int64_t time = 0;
  uint64_t id = 0;
  char* ip = NULL;
  CHECK(nc != NULL);
  OK(natsConnection_GetRTT(nc, &time));
  CHECK(time > 0);
  OK(natsConnection_GetClientID(nc, &id));
  OK(natsConnection_GetClientIP(nc, &ip));
  CHECK(strcmp(ip, "127.0.0.1") == 0);
  free(ip);
  natsConnection_Destroy(nc);
  return true;
}

static bool many_connections(void) {
  natsConnection* clients[50];
  natsSubscription* subscriptions[50];
  for (int i = 0; i < 50; i++) {
    clients[i] = connect_to_server();
    CHECK(clients[i] != NULL);
    OK(natsConnection_SubscribeSync(&subscriptions[i], clients[i], "news"));
    OK(natsConnection_Flush(clients[i]));
  }
  OK(natsConnection_PublishString(clients[0], "news", "hello"));
  for (int i = 0; i < 50; i++) {
    natsMsg* message = NULL;
    OK(natsSubscription_NextMsg(&message, subscriptions[i], 10000));
    CHECK(is_text(message, "hello"));
    natsMsg_Destroy(message);
    natsSubscription_Destroy(subscriptions[i]);
    natsConnection_Destroy(clients[i]);
  }
  return true;
}

static bool reconnect(void) {
  static struct counter reconnected = COUNTER_START;
  natsConnection* nc = NULL;
  natsOptions* options = NULL;
  natsSubscription* subscription = NULL;
  natsMsg* message = NULL;
  OK(natsOptions_Create(&options));
  OK(natsOptions_SetURL(options, url));
  OK(natsOptions_SetMaxReconnect(options, 400));
  OK(natsOptions_SetReconnectWait(options, 50));
  OK(natsOptions_SetReconnectJitter(options, 10, 10));
  OK(natsOptions_SetReconnectedCB(options, on_closed, &reconnected));
  OK(natsConnection_Connect(&nc, options));
  OK(natsConnection_SubscribeSync(&subscription, nc, "foo"));
  OK(natsConnection_PublishString(nc, "foo", "before"));
  OK(natsSubscription_NextMsg(&message, subscription, 5000));
  CHECK(is_text(message, "before"));
  natsMsg_Destroy(message);
  printf("restart\n");
  fflush(stdout);
  CHECK(wait_for_count(&reconnected, NULL, 1, 30));
  OK(natsConnection_PublishString(nc, "foo", "after"));
  OK(natsSubscription_NextMsg(&message, subscription, 5000));
  CHECK(is_text(message, "after"));
  natsMsg_Destroy(message);
  natsOptions_Destroy(options);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(nc);
  return true;
}

static const struct {
  const char* name;
  bool (*run)(void);
} tests[] = {
    {"publish_and_subscribe", publish_and_subscribe},
    {"wildcards", wildcards},
    {"queue_groups", queue_groups},
    {"requests", requests},
    {"old_style_requests", old_style_requests},
    {"no_responders", no_responders},
    {"headers", headers},
    {"auto_unsubscribe", auto_unsubscribe},
    {"large_payload", large_payload},
    {"no_echo", no_echo},
    {"verbose_and_pedantic", verbose_and_pedantic},
    {"drain", drain},
    {"drain_subscription", drain_subscription},
    {"round_trip_time", round_trip_time},
    {"many_connections", many_connections},
    {"reconnect", reconnect},
};

int main(int argc, char** argv) {
  int failed = 0;
  if (argc != 2) {
    fprintf(stderr, "usage: %s URL\n", argv[0]);
    return 2;
  }
  url = argv[1];
  if (nats_Open(-1) != NATS_OK) return 2;
  for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
    bool good = tests[i].run();
    if (good) {
      printf("ok   %s\n", tests[i].name);
    } else {
      printf("FAIL %s: %s\n", tests[i].name, problem);
      failed++;
    }
    fflush(stdout);
  }
  printf("%zu tests, %d failed\n", sizeof(tests) / sizeof(tests[0]), failed);
  nats_Close();
  return failed != 0;
}
