#!/usr/bin/env python3
"""The `nats` command line tool against a server: publish, subscribe, request, reply, bench, rtt, checks, services.

    nats_cli.py --server PATH [--peers DIR]
"""

import json
import re
import subprocess
import sys
import tempfile

from real_clients import TIMEOUT, RawClient, ServerProcess, background, clean_environment, parse, peer, run_tests, wait_until


class Cli:
    """Runs `nats` against one server."""

    def __init__(self, program, server, directory):
        self.program, self.server = program, server
        self.environment = clean_environment(directory)

    def command(self, *words):
        return [self.program, "--server", self.server.url, *words]

    def run(self, *words, text="", code=0):
        done = subprocess.run(self.command(*words), input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=self.environment, timeout=60, check=False)
        output = done.stdout.decode("utf-8", "replace")
        assert done.returncode == code, f"nats {' '.join(words)} ended with {done.returncode}:\n{output}"
        return output

    def start(self, *words):
        return background(self.command(*words), env=self.environment)


def expect(text, output):
    assert text in output, f"{text!r} is not in:\n{output}"


def with_cli(test):
    """Gives a test a server and the tool."""

    def run(options, program):
        with ServerProcess(options.server) as server, tempfile.TemporaryDirectory() as directory:
            test(Cli(program, server, directory), server)

    run.__name__ = test.__name__
    return run


@with_cli
def publish(cli, _):
    expect("Published 5 bytes to", cli.run("pub", "foo", "hello"))


@with_cli
def publish_and_subscribe(cli, server):
    with RawClient(server) as raw, cli.start("sub", "foo.>", "--count", "3") as sub:
        raw.wait_for_listener("foo.start")
        cli.run("pub", "foo.a", "hello world")
        cli.run("pub", "foo.b", "with headers", "-H", "Color:blue", "-H", "Shape:round")
        code, output = sub.finish()
        assert code == 0, output
        expect("hello world", output)
        expect("with headers", output)
        expect("Color: blue", output)
        expect("Shape: round", output)


@with_cli
def publish_many(cli, server):
    with RawClient(server) as raw, cli.start("sub", "foo.>", "--raw", "--count", "51") as sub:
        raw.wait_for_listener("foo.start")
        cli.run("pub", "foo.a", "message {{Count}}", "--count", "50")
        code, output = sub.finish()
        assert code == 0, output
        assert re.findall(r"message (\d+)", output) == [str(i) for i in range(1, 51)], output


@with_cli
def publish_from_standard_input(cli, server):
    with RawClient(server) as raw, cli.start("sub", "foo.>", "--raw", "--count", "2") as sub:
        raw.wait_for_listener("foo.start")
        cli.run("pub", "foo.a", "--force-stdin", text="x" * 100000)
        code, output = sub.finish()
        assert code == 0 and output.count("x") == 100000, output[:500]


@with_cli
def queue(cli, server):
    with RawClient(server) as raw, cli.start("sub", "foo.>", "--queue", "q", "--raw") as one, \
            cli.start("sub", "foo.>", "--queue", "q", "--raw") as two:

        def seen(pattern):
            return re.findall(pattern, one.text) + re.findall(pattern, two.text)

        raw.wait_for_listener("foo.start")
        # Both take part as soon as both have got something.
        for _ in range(2000):
            raw.publish("foo.a", b"warm\n")
            if "warm" in one.text and "warm" in two.text:
                break
        else:
            raise AssertionError(f"one of the members gets nothing:\n{one.text}\n{two.text}")
        for index in range(100):
            raw.publish("foo.a", f"[{index}]\n".encode())
        wait_until(lambda: len(seen(r"\[\d+\]")) >= 100, "all messages")
        assert sorted(seen(r"\[\d+\]")) == sorted(f"[{index}]" for index in range(100)), "each message once, to one member"


@with_cli
def request_and_reply(cli, server):
    with RawClient(server) as raw, cli.start("reply", "svc", "answer to {{Request}}"):
        raw.wait_for_listener("svc")
        output = cli.run("request", "svc", "question")
        expect("answer to question", output)


@with_cli
def request_with_headers(cli, server):
    with RawClient(server) as raw, cli.start("reply", "svc", "--echo", "-H", "Served-By:echo"):
        raw.wait_for_listener("svc")
        output = cli.run("request", "svc", "question", "-H", "Color:blue")
        expect("question", output)
        expect("Served-By: echo", output)


@with_cli
def request_without_responders(cli, _):
    output = cli.run("request", "nobody", "question", code=0)
    expect("No responders are available", output)


@with_cli
def request_through_a_group_of_repliers(cli, server):
    with RawClient(server) as raw, cli.start("reply", "svc", "answer", "--count", "100"), \
            cli.start("reply", "svc", "answer", "--count", "100"):
        raw.wait_for_listener("svc")
        output = cli.run("request", "svc", "question", "--count", "20", "--raw")
        assert output.count("answer") == 20, output


@with_cli
def round_trip_time(cli, server):
    expect(server.url, cli.run("rtt"))
    data = json.loads(cli.run("rtt", "--json"))
    expect(str(server.port), json.dumps(data))


@with_cli
def check_connection(cli, _):
    expect("OK", cli.run("server", "check", "connection", "--connect-warn=5s", "--connect-critical=10s", "--rtt-warn=5s",
                         "--rtt-critical=10s", "--req-warn=5s", "--req-critical=10s"))


@with_cli
def bench_publish(cli, _):
    expect("msgs/sec", cli.run("bench", "pub", "foo", "--msgs", "5000", "--size", "100", "--no-progress"))


@with_cli
def bench_subscribe(cli, server):
    with RawClient(server) as raw, cli.start("bench", "sub", "foo", "--msgs", "5001", "--no-progress") as sub:
        raw.wait_for_listener("foo")
        cli.run("bench", "pub", "foo", "--msgs", "5000", "--size", "100", "--no-progress")
        code, output = sub.finish()
        assert code == 0, output
        expect("msgs/sec", output)


@with_cli
def bench_request(cli, server):
    with RawClient(server) as raw, cli.start("bench", "service", "serve", "svc", "--no-progress"):
        raw.wait_for_listener("svc")
        expect("msgs/sec", cli.run("bench", "service", "request", "svc", "--msgs", "500", "--clients", "2", "--no-progress"))


@with_cli
def services(cli, server):
    with RawClient(server) as raw, cli.start("service", "serve", "calc"):
        raw.wait_for_listener("$SRV.PING.calc")
        raw.wait_for_listener("calc.echo")
        expect("calc", cli.run("service", "list"))
        info = json.loads(cli.run("service", "info", "calc", "--json"))
        assert info["info"]["endpoints"][0]["subject"] == "calc.echo", info
        expect("calc", cli.run("service", "ping", "calc"))
        expect("the payload", cli.run("service", "request", "calc", "echo", "the payload", "--raw"))
        stats = json.loads(cli.run("service", "stats", "calc", "--json"))
        assert stats[0]["endpoints"][0]["num_requests"] == 2, stats


@with_cli
def account_information(cli, _):
    output = cli.run("account", "info")
    expect("Account: $G", re.sub(r" +", " ", output))


@with_cli
def subscriber_survives_a_restart(cli, server):
    with cli.start("sub", "foo.>", "--raw") as sub:
        with RawClient(server) as raw:
            raw.wait_for_listener("foo.start")
            raw.publish("foo.a", b"before\n")
        sub.wait_for("before")
        server.stop()
        with ServerProcess(server.path, host=server.host, port=server.port) as again, RawClient(again) as raw:
            raw.wait_for_listener("foo.start", timeout=4 * TIMEOUT)
            raw.publish("foo.a", b"after\n")
            sub.wait_for("after")


TESTS = [publish, publish_and_subscribe, publish_many, publish_from_standard_input, queue, request_and_reply, request_with_headers,
         request_without_responders, request_through_a_group_of_repliers, round_trip_time, check_connection, bench_publish,
         bench_subscribe, bench_request, services, account_information, subscriber_survives_a_restart]


def main():
    options = parse(__doc__)
    return run_tests(TESTS, options, peer(options, "nats"))


if __name__ == "__main__":
    sys.exit(main())
