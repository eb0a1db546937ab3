#!/usr/bin/env python3
"""Message tracing as nats-server has it: the same messages with the same headers go to both servers, and what publisher, subscriber and
whoever traces get is compared, but for times and ids.

    message_tracing.py --server PATH [--peers DIR]
"""

import contextlib
import gzip
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

from real_clients import ServerProcess, clean_environment, parse, peer, run_tests, wait_until
from watched import Client

CONFIG = """
listen: 127.0.0.1:-1
server_name: one
accounts: {
  A: { msg_trace: {dest: "traces.acc", sampling: 100}, users: [{user: a, password: a}], mappings: {"m.in": "m.out"} }
  B: { users: [ {user: b, password: b, permissions: {publish: {deny: ["secret", "nodest"]}, subscribe: {deny: ["hidden.x"]}}} ] }
}
"""
SAMPLED, UNSAMPLED = (f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0{flag}" for flag in (1, 0))
DEST = ("Nats-Trace-Dest", "traces.b")


class Party(Client):
    """A client that remembers what it gets."""

    def __init__(self, server, name, user, more=""):
        self.client_port, self.host = server.port, server.host
        super().__init__(self, name, user, ',"headers":true,"no_responders":true' + more)

    def publish(self, subject, headers, reply="", payload="x"):
        block = "NATS/1.0\r\n" + "".join(f"{key}: {value}\r\n" for key, value in headers) + "\r\n"
        self.socket.sendall(f"HPUB {subject} {reply} {len(block)} {len(block) + len(payload)}\r\n{block}{payload}\r\n".encode())

    def got(self):
        """All that came until now, each as one text or, of traces, as JSON."""
        self.socket.sendall(b"PING\r\n")
        out = []
        while not (line := self.file.readline()).startswith(b"PONG"):
            words = line.split()
            if words[0] not in (b"MSG", b"HMSG"):
                if words[0] != b"PING":
                    out.append(line.decode())
                continue
            body = self.file.read(int(words[-1]) + 2)[:-2]
            head = int(words[-2]) if words[0] == b"HMSG" else 0
            if words[1].startswith(b"traces."):
                block, rest = body[:head].decode(), body[head:]
                event = json.loads(gzip.decompress(rest) if "gzip" in block else rest)
                # The order of members counts, too.
                out.append((words[1].decode(), block, json.dumps(comparable(event))))
            else:
                out.append((b" ".join(words).decode(), body.decode()))
        return out


def comparable(event):
    """Without what differs from run to run: clients are numbered anew."""
    for one in event["events"]:
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", one.pop("ts")), one
        one.pop("cid", None)
    assert event["server"]["name"] == "one" and event["server"]["seq"] > 0
    event["server"] = [key for key in event["server"] if key != "feature_flags"]
    return event


@contextlib.contextmanager
def both(options):
    with contextlib.ExitStack() as stack:
        servers = []
        for program in (options.server, peer(options, "nats-server")):
            servers.append(ServerProcess(program, [], config=CONFIG))
            stack.callback(servers[-1].stop)
            servers[-1].start()
            assert servers[-1].wait_for_log("Server is ready") is not None, servers[-1].log
        yield servers, stack


def parties(servers, stack, *names_and_users):
    out = []
    for server in servers:
        out.append([Party(server, name, user, *more) for name, user, *more in names_and_users])
        for each in out[-1]:
            stack.callback(each.close)
    return out


def compare(what, sides, publish, expect_trace):
    """`publish` with the first party of both sides; then all of them must have got the same."""
    results = []
    for side in sides:
        publish(side[0])
        # The trace of this one comes behind all that are still under way.
        side[0].publish("nothing", [("Nats-Trace-Dest", "traces.end")])
        heard = [each.got() for each in side]

        def is_over():
            heard[-1] += side[-1].got()
            return any(line[0] == "traces.end" for line in heard[-1])

        wait_until(is_over, "the last trace")
        heard[-1] = [line for line in heard[-1] if line[0] != "traces.end"]
        # An event may overtake the message or not, and nats-server has two blanks before the size.
        results.append([sorted(map(repr, one)) for one in heard])
    assert results[0] == results[1], f"{what}:\n  ours:   {results[0]}\n  theirs: {results[1]}"
    traced = any("'traces." in line for line in results[0][-1])
    assert traced == expect_trace, f"{what}: {results[0]}"


def asked_by_the_publisher(options):
    with both(options) as (servers, stack):
        sides = parties(servers, stack, ("pub", "b"), ("sub", "b"), ("tracer", "b"))
        for side in sides:
            side[1].say("SUB foo 1\r\nSUB foo q 2\r\nUNSUB 1 2\r\nSUB hidden.* 4\r\n")
            side[2].say("SUB traces.> 1\r\nSUB nodest 2\r\n")

        def step(what, subject, headers, expect_trace, reply=""):
            compare(what, sides, lambda who: who.publish(subject, headers, reply), expect_trace)

        for i in range(4):  # more than the subscription may get
            step(f"only {i}", "foo", [DEST, ("Nats-Trace-Only", "true"), ("X", "2"), ("X", "1"), ("Empty", "")], True)
        for word, what in (("1", "1"), ("On", "on"), ("yes", "not a yes"), ("0", "no")):
            step(f"only: {what}", "foo", [DEST, ("Nats-Trace-Only", word)], True)
        step("delivered, the last", "foo", [DEST], True)
        step("delivered", "foo", [DEST], True)
        step("subscription denied", "hidden.x", [DEST], True)
        step("publish denied", "secret", [DEST], True)
        step("destination denied", "foo", [("Nats-Trace-Dest", "nodest")], False)
        step("destination a wildcard", "foo", [("Nats-Trace-Dest", "traces.*")], False)
        step("only, to a wildcard", "foo", [("Nats-Trace-Dest", "traces.*"), ("Nats-Trace-Only", "1")], False)
        step("switched off", "foo", [("Nats-Trace-Dest", "trace disabled"), ("Nats-Trace-Only", "1")], False)
        step("no destination", "foo", [("Nats-Trace-Dest", "")], False)
        step("other case", "foo", [("nats-trace-dest", "traces.b")], False)
        step("only, no destination", "foo", [("Nats-Trace-Only", "1")], False)
        step("sampled, but nobody asked", "foo", [("traceparent", SAMPLED)], False)
        step("gzip", "foo", [DEST, ("Accept-Encoding", "gzip")], True)
        step("other encoding", "foo", [DEST, ("Accept-Encoding", "br")], True)
        step("nobody", "none", [DEST], True)
        for side in sides:
            side[0].say("SUB rep 9\r\n")
        step("nobody, and a reply", "none", [DEST], True, "rep")
        step("only, nobody, and a reply", "none", [DEST, ("Nats-Trace-Only", "1")], True, "rep")
        step("somebody, and a reply", "foo", [DEST], True, "rep")
        step("only, somebody, and a reply", "foo", [DEST, ("Nats-Trace-Only", "1")], True, "rep")


def echo_and_verbose(options):
    with both(options) as (servers, stack):
        sides = parties(servers, stack, ("pub", "b", ',"echo":false'), ("tracer", "b"))
        for side in sides:
            side[0].say("SUB foo 1\r\nSUB foo q 2\r\n")
            side[1].say("SUB traces.> 1\r\n")
        compare("own", sides, lambda who: who.publish("foo", [DEST]), True)
        for side in sides:
            side[1].say("SUB foo q 3\r\n")
        # Whom of the queue it asks first is left to chance.
        ours, tracer = sides[0]
        asked_first = set()
        for _ in range(40):
            ours.publish("foo", [DEST])
            ours.got()
            traces = []

            def has_trace():
                traces.extend(line[2] for line in tracer.got() if len(line) == 3)
                return traces

            wait_until(has_trace, "a trace")
            asked_first.add(tuple(each.get("error", "") for each in json.loads(traces[0])["events"][2:]))
        no_echo = "Not delivered because of no echo"
        assert asked_first == {("",), (no_echo, "")}, asked_first

        def loud(who):
            who.say('CONNECT {"verbose":true,"headers":true,"user":"b","pass":"b","name":"pub"}\r\n')

        for side in sides:
            loud(side[0])
        for subject in ("foo", "secret"):
            compare(f"verbose, {subject}", sides, lambda who, subject=subject: who.publish(subject, [DEST]), True)
        compare("verbose, destination denied", sides, lambda who: who.publish("foo", [("Nats-Trace-Dest", "nodest")]), False)


def asked_by_the_account(options):
    with both(options) as (servers, stack):
        sides = parties(servers, stack, ("pub", "a"), ("tracer", "a"))
        for side in sides:
            side[1].say("SUB traces.> 1\r\nSUB m.* 2\r\n")

        def step(what, headers, expect_trace, subject="m.in"):
            compare(what, sides, lambda who: who.publish(subject, headers), expect_trace)

        step("sampled", [("TraceParent", SAMPLED)], True)
        step("sampled, not mapped", [("traceparent", SAMPLED)], True, "m.other")
        step("not sampled", [("traceparent", UNSAMPLED)], False)
        for wrong in ("junk", SAMPLED[:-1], SAMPLED + "-x", SAMPLED.replace("-", "_")):
            step(wrong, [("traceparent", wrong)], False)
        step("its own destination", [("traceparent", SAMPLED), ("Nats-Trace-Dest", "traces.own")], True)
        step("only, by its traceparent", [("traceparent", SAMPLED), ("Nats-Trace-Only", "1")], True)
        step("switched off", [("traceparent", SAMPLED), ("Nats-Trace-Dest", "trace disabled")], False)
        step("nothing of that", [("X", "1")], False)


def sampling(options):
    """About as many as the configuration says; and a reload says otherwise."""
    with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as stack:
        config = pathlib.Path(home) / "server.conf"
        config.write_text(CONFIG.replace("sampling: 100", "sampling: 25"))
        server = ServerProcess(options.server, ["-c", str(config)])
        stack.callback(server.stop)
        server.start()
        assert server.wait_for_log("Server is ready") is not None, server.log
        publisher, tracer = Party(server, "pub", "a"), Party(server, "tracer", "a")
        tracer.say("SUB traces.> 1\r\n")

        def traced():
            for _ in range(2000):
                publisher.publish("foo", [("traceparent", SAMPLED)])
            publisher.got()
            publisher.publish("foo", [("Nats-Trace-Dest", "traces.end")])
            count = 0
            end = time.monotonic() + 20
            while time.monotonic() < end:
                got = tracer.got()
                count += len(got)
                if any(subject == "traces.end" for subject, *_ in got):
                    return count - 1
            raise AssertionError(f"{count} traces, but not the last")

        count = traced()
        assert 380 < count < 620, count  # six standard deviations
        config.write_text(CONFIG.replace('msg_trace: {dest: "traces.acc", sampling: 100},', ""))
        os.kill(server.pid, signal.SIGHUP)
        assert server.wait_for_log("Reloaded server configuration") is not None, server.log
        assert traced() == 0
        publisher.close()
        tracer.close()


def tool(options):
    """`nats trace`."""
    program = peer(options, "nats")
    with both(options) as (servers, stack), tempfile.TemporaryDirectory() as home:
        for server in servers:
            listener = Party(server, "listener", "b")
            stack.callback(listener.close)
            listener.say("SUB foo.* 1\r\nSUB foo.> workers 2\r\n")
            for words, says in ((["foo.bar", "hello"], "listener"), (["foo.bar", "--deliver"], "listener"), (["nobody"], "")):
                done = subprocess.run(
                    [program, "--server", f"nats://b:b@{server.host}:{server.port}", "trace", *words],
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environment(home), timeout=60, check=False,
                )
                text = done.stdout.decode("utf-8", "replace")
                assert done.returncode == 0 and says in text and "Client" in text, text
            got = listener.got()
            assert len(got) == 2 and all("foo.bar" in line for line, _ in got), got  # those of --deliver


def main():
    options = parse(__doc__)
    return run_tests([asked_by_the_publisher, echo_and_verbose, asked_by_the_account, sampling, tool], options)


if __name__ == "__main__":
    sys.exit(main())
