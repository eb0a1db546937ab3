// What the JavaScript client does with a server, the same in Node and in a browser.
//
// A scenario is `async (world) => { … }`; it throws if something isn't as it must be. The world has
//   nats       the module @nats-io/nats-core
//   connect    async (more) => a connection, as the job says and with these options besides
//   open       () => a bare WebSocket to the same server
//   job        what the test asks for; `count` and `compressed` are read here
//   tell       async (line) => tells the test something while the scenario goes on

function check(condition, ...what) {
  if (!condition) throw new Error(what.map((each) => (typeof each === "string" ? each : JSON.stringify(each))).join(" "));
}

function same(found, expected, what) {
  check(JSON.stringify(found) === JSON.stringify(expected), `${what}: found`, found, "expected", expected);
}

// Bytes that don't compress, or text that does.
function payload(size, random) {
  const bytes = new Uint8Array(size);
  let state = size + 1;
  for (let index = 0; index < size; ++index) {
    if (random) state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[index] = random ? state >>> 16 : 97 + (index % 13);
  }
  return bytes;
}

function equal(one, other) {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

// So many messages of a subscription.
async function take(subscription, count) {
  const messages = [];
  for await (const message of subscription) {
    messages.push(message);
    if (messages.length === count) break;
  }
  same(messages.length, count, "messages");
  return messages;
}

// A bare WebSocket whose bytes are read as text.
async function read_bare(world) {
  const socket = world.open();
  socket.binaryType = "arraybuffer";
  const bare = { socket, text: "", closed: false, kinds: new Set() };
  let changed = () => {};
  socket.onmessage = (event) => {
    bare.kinds.add(typeof event.data);
    bare.text += typeof event.data === "string" ? event.data : new TextDecoder().decode(event.data);
    changed();
  };
  socket.onclose = () => {
    bare.closed = true;
    changed();
  };
  bare.until = async (done, what) => {
    while (!done()) {
      check(!bare.closed, `closed before ${what}; came:`, bare.text);
      await new Promise((resolve) => (changed = resolve));
    }
  };
  await bare.until(() => bare.text.includes("\r\n"), "INFO");
  check(bare.text.startsWith("INFO {"), bare.text);
  return bare;
}

export const scenarios = {
  async publish_and_subscribe(world) {
    const [one, two] = [await world.connect(), await world.connect()];
    const subscription = two.subscribe("foo.*");
    await two.flush();
    for (let index = 0; index < 100; ++index) one.publish(`foo.${index}`, `message ${index}`, { reply: `re.${index}` });
    for (const [index, message] of (await take(subscription, 100)).entries()) {
      same([message.subject, message.string(), message.reply], [`foo.${index}`, `message ${index}`, `re.${index}`], "message");
    }
    await one.close();
    await two.close();
  },

  async wildcards_and_unsubscribe(world) {
    const nc = await world.connect();
    const [star, rest, two] = [nc.subscribe("a.*.c"), nc.subscribe("a.>"), nc.subscribe("a.>", { max: 2 })];
    for (const subject of ["a.b.c", "a.b.d", "a.b.e"]) nc.publish(subject);
    same((await take(rest, 3)).map((each) => each.subject), ["a.b.c", "a.b.d", "a.b.e"], "of a.>");
    same([star.getReceived(), two.getReceived()], [1, 2], "of a.*.c and of a.> with a maximum");
    await nc.close();
  },

  async headers(world) {
    const { headers } = world.nats;
    const nc = await world.connect();
    const subscription = nc.subscribe("foo");
    const [many, only] = [headers(), headers()];
    many.append("Color", "blue");
    many.append("Color", "light green");
    many.set("Shape", "round and flat");
    only.set("Only", "header");
    nc.publish("foo", "hello", { headers: many });
    nc.publish("foo", "", { headers: only });
    nc.publish("foo", "bare");
    const [first, second, third] = await take(subscription, 3);
    same([first.string(), first.headers.values("Color"), first.headers.get("Shape")],
         ["hello", ["blue", "light green"], "round and flat"], "headers");
    same([second.data.length, second.headers.get("Only")], [0, "header"], "headers alone");
    check(!third.headers, "headers out of nowhere");
    await nc.close();
  },

  async requests(world) {
    const { NoRespondersError, RequestError } = world.nats;
    const [client, service] = [await world.connect(), await world.connect()];
    service.subscribe("svc", { callback: (_, message) => message.respond(`answer to ${message.string()}`) });
    await service.flush();
    for (let index = 0; index < 50; ++index) {
      same((await client.request("svc", `${index}`, { timeout: 5000 })).string(), `answer to ${index}`, "answer");
    }
    const all = await Promise.all([...Array(100).keys()].map((index) => client.request("svc", `${index}`, { timeout: 5000 })));
    same(all.map((each) => each.string()), [...Array(100).keys()].map((index) => `answer to ${index}`), "answers");
    const error = await client.request("nobody", "", { timeout: 5000 }).then(() => null, (problem) => problem);
    check(error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders()), `${error}`);
    await client.close();
    await service.close();
  },

  async queue_groups(world) {
    const clients = [await world.connect(), await world.connect(), await world.connect()];
    const counts = [0, 0, 0];
    const seen = new Set();
    let done;
    const all = new Promise((resolve) => (done = resolve));
    for (const [index, nc] of clients.entries()) {
      nc.subscribe("work", { queue: "workers", callback: (_, message) => {
        counts[index] += 1;
        if (seen.add(message.string()).size === 150) done();
      } });
      await nc.flush();
    }
    for (let index = 0; index < 150; ++index) clients[1].publish("work", `${index}`);
    await all;
    for (const nc of clients) await nc.flush();
    check(counts.reduce((sum, each) => sum + each) === 150 && Math.min(...counts) > 10, counts);
    for (const nc of clients) await nc.close();
  },

  // There and back: around the sizes at which frames change their form, the ones a browser gets at most, and the largest message.
  async large_payloads(world) {
    const [client, service] = [await world.connect(), await world.connect()];
    service.subscribe("echo", { callback: (_, message) => message.respond(message.data) });
    await service.flush();
    const largest = 1024 * 1024;
    check(client.info.max_payload >= largest, client.info);
    for (const size of [0, 64, 125, 126, 4000, 4095, 4096, 4097, 8192, 65535, 65536, 100_000, 500_000, largest]) {
      for (const random of [false, true]) {
        const sent = payload(size, random);
        const got = await client.request("echo", sent, { timeout: 20_000 });
        check(equal(got.data, sent), `${size} bytes came back as ${got.data.length}, or changed`);
      }
    }
    await client.close();
    await service.close();
  },

  async many_small_messages(world) {
    const [one, two] = [await world.connect(), await world.connect()];
    const count = world.job.count ?? 50_000;
    let next = 0;
    let done, fail;
    const all = new Promise((resolve, reject) => ([done, fail] = [resolve, reject]));
    two.subscribe("n.>", { callback: (error, message) => {
      if (error || message.string() !== `${next}`) fail(error ?? new Error(`found ${message.string()}, expected ${next}`));
      if (++next === count) done();
    } });
    await two.flush();
    for (let index = 0; index < count; ++index) {
      one.publish(`n.${index % 10}`, `${index}`);
      if (index % 5000 === 4999) await one.flush();
    }
    await all;
    await one.flush();
    await two.flush();
    same(next, count, "messages");
    await one.close();
    await two.close();
  },

  async drain(world) {
    const [one, two] = [await world.connect(), await world.connect()];
    const received = [];
    const subscription = two.subscribe("foo");
    const reading = (async () => {
      for await (const message of subscription) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        received.push(message.string());
      }
    })();
    await two.flush();
    for (let index = 0; index < 100; ++index) one.publish("foo", `${index}`);
    await one.flush();
    await two.flush();
    await two.drain();
    await reading;
    check(two.isClosed(), "not closed");
    same(received, [...Array(100).keys()].map(String), "messages");
    one.subscribe("bar");
    await one.drain();
    check(one.isClosed(), "not closed");
  },

  // Where frames end means nothing; text frames count like binary ones; what the server sends is binary.
  async any_cuts(world) {
    const bare = await read_bare(world);
    for (const piece of ["CONN", "ECT {\"verbose\":false}\r", "\nSU", "B foo 1\r\nPUB foo 1", "1\r\nhello", " ", "world\r\n", "PING\r\n"]) {
      bare.socket.send(piece);
    }
    await bare.until(() => bare.text.includes("PONG\r\n"), "PONG");
    bare.socket.send(new TextEncoder().encode("PUB foo 0\r\n\r\nPING\r\n"));
    await bare.until(() => bare.text.split("PONG\r\n").length === 3, "the second PONG");
    const told = bare.text.replace(/INFO .*\r\n/g, "");
    same(told, "MSG foo 1 11\r\nhello world\r\nPONG\r\nMSG foo 1 0\r\n\r\nPONG\r\n", "bytes");
    same([...bare.kinds], ["object"], "kinds of frames");
    bare.socket.close();
    await bare.until(() => bare.closed, "the end").catch(() => {});
  },

  async what_is_agreed(world) {
    const bare = await read_bare(world);
    const info = JSON.parse(/INFO (.*)\r\n/.exec(bare.text)[1]);
    const secure = world.job.url.startsWith("wss:");
    same([info.tls_required ?? false, info.tls_available ?? false], [secure, secure], "TLS in INFO");
    same(bare.socket.extensions.includes("permessage-deflate"), Boolean(world.job.compressed), "compression");
    // A normal end is answered, and then the socket is closed.
    const closed = new Promise((resolve) => (bare.socket.onclose = resolve));
    bare.socket.close(1000, "bye");
    same([(await closed).code, (await closed).wasClean], [1000, true], "end");
  },

  async welcome(world) {
    const nc = await world.connect();
    const subscription = nc.subscribe("hello.world");
    nc.publish("hello.world", "hi");
    same((await take(subscription, 1))[0].string(), "hi", "message");
    await nc.close();
  },

  async unauthorized(world) {
    const error = await world.connect().then(() => null, (problem) => problem);
    check(error instanceof world.nats.AuthorizationError, `found ${error}`);
  },

  // Without a word of NATS: the upgrade itself is refused.
  async turned_away(world) {
    const socket = world.open();
    const what = await new Promise((resolve) => {
      socket.onopen = () => resolve("open");
      socket.onerror = () => resolve("refused");
    });
    same(what, "refused", "upgrade");
  },

  // Told "connected", the test lets the server go away and come back.
  async reconnect(world) {
    const nc = await world.connect({ reconnect: true, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    const subscription = nc.subscribe("foo");
    nc.publish("foo", "before");
    const words = [];
    const reading = (async () => {
      for await (const message of subscription) {
        words.push(message.string());
        if (message.string() === "after") return;
      }
    })();
    await nc.flush();
    await world.tell("connected");
    const kinds = [];
    for await (const status of nc.status()) {
      kinds.push(status.type);
      if (status.type === "reconnect") break;
    }
    check(kinds.includes("disconnect"), kinds);
    nc.publish("foo", "after");
    await reading;
    same(words, ["before", "after"], "messages");
    await nc.close();
  },

  // The test's other client speaks plain TCP: it sends `count` messages to `to.web` once told, answers requests to
  // `tcp.double`, and makes requests to `web.double`.
  async with_tcp(world) {
    const nc = await world.connect();
    nc.subscribe("web.double", { callback: (_, message) => {
      message.respond(`${2 * Number(message.string())}`, { headers: message.headers });
    } });
    const subscription = nc.subscribe("to.web");
    await nc.flush();
    await world.tell("ready");
    for (const [index, message] of (await take(subscription, world.job.count)).entries()) {
      same([message.string(), message.headers?.get("Index")], [`${index}`, `${index}`], "from TCP");
    }
    for (let index = 0; index < 20; ++index) {
      same((await nc.request("tcp.double", `${index}`, { timeout: 5000 })).string(), `${2 * index}`, "answer");
    }
    for (let index = 0; index < world.job.count; ++index) {
      const headers = world.nats.headers();
      headers.set("Index", `${index}`);
      nc.publish("to.tcp", `${index}`, { headers });
    }
    await nc.flush();
    const big = payload(1024 * 1024, true);
    check(equal((await nc.request("tcp.echo", big, { timeout: 20_000 })).data, big), "a large message changed");
    await nc.drain();
  },
};

// Plays jobs one after the other; world_of(job) gives each its world. Yields what came of them.
export async function* play(jobs, world_of) {
  for (const job of jobs) {
    const begin = Date.now();
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("took too long")), 1000 * (job.seconds ?? 40));
    });
    let error = null;
    try {
      await Promise.race([scenarios[job.scenario](world_of(job)), late]);
    } catch (problem) {
      error = `${problem?.stack ?? problem}`;
    }
    clearTimeout(timer);
    yield { job, error, seconds: (Date.now() - begin) / 1000 };
  }
}

// The options of the client that a job asks for.
export function client_options(nats, job) {
  const options = { servers: job.url, reconnect: false, timeout: 10_000, ...(job.login ?? {}) };
  if (!job.seed) return options;
  return { ...options, authenticator: nats.nkeyAuthenticator(new TextEncoder().encode(job.seed)) };
}
