#!/usr/bin/env python3
"""Our services as the nats CLI and nats-py see them, and theirs as our stubs do.

    services.py --server PATH [--peers DIR] --examples DIR
"""

import asyncio
import json
import os
import subprocess
import sys

from nats_py import connect
from real_clients import ServerProcess, need_nats_py, parse, peer, run_tests


# What echo_caller asks and expects, but for the text at the end: 20 and 22, and their sum.
REQUEST = b"\x93\x14\x16"
REPLY = b"\x92\x2a"


class EchoService:
    """Our example, until the end of the block."""

    def __init__(self, options, server):
        self.command = [os.path.join(options.examples, "echo_service"), "--server", server.url]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(10) == 0
        self.process.stdout.close()


def nats(options, server, *words):
    done = subprocess.run([peer(options, "nats"), "--server", server.url, *words], capture_output=True, text=True,
                          timeout=30, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, (words, done)
    return done.stdout


def test_nats_micro_shows_ours(options):
    with ServerProcess(options.server) as server, EchoService(options, server):
        listed = nats(options, server, "micro", "ls")
        assert "echo" in listed and "1.0.0" in listed, listed
        info = json.loads(nats(options, server, "micro", "info", "echo", "--json"))
        info = info["info"] if "info" in info else info
        assert info.get("name") == "echo" and info["version"] == "1.0.0", info
        assert info["endpoints"][0]["subject"] == "echo.unary", info
        assert info["endpoints"][0]["queue_group"] == "q", info
        pinged = nats(options, server, "micro", "ping", "echo")
        assert "echo" in pinged, pinged
        stats = nats(options, server, "micro", "stats", "echo")
        assert "echo" in stats, stats


def test_nats_py_calls_ours(options):
    async def body(server):
        nc = await connect(server)
        answer = await nc.request("echo.unary", REQUEST + b"\xa5hello", timeout=5)
        assert answer.data == REPLY + b"\xa5hello", answer
        as_json = await nc.request("echo.unary", b'[20,22,"hello"]', timeout=5, headers={"Content-Type": "application/json"})
        assert as_json.data == b'[42,"hello"]', as_json
        failed = await nc.request("echo.unary", REQUEST + b"\xa0", timeout=5)
        assert failed.headers["Nats-Service-Error"] == "say something", failed.headers
        assert failed.headers["Nats-Service-Error-Code"] == "400", failed.headers
        stats = json.loads((await nc.request("$SRV.STATS.echo", b"", timeout=5)).data)
        assert stats["endpoints"][0]["num_requests"] == 3, stats
        assert stats["endpoints"][0]["num_errors"] == 1, stats
        await nc.close()

    with ServerProcess(options.server) as server, EchoService(options, server):
        asyncio.run(asyncio.wait_for(body(server), 60))


def test_our_stub_calls_theirs(options):
    async def body(server):
        import nats.micro

        nc = await connect(server)
        service = await nats.micro.add_service(nc, name="echo", version="2.0.0")
        group = service.add_group(name="echo")

        async def answer(request):
            if request.data == REQUEST + b"\xa4fail":
                await request.respond_error("418", "teapot")
            else:
                await request.respond(REPLY + request.data[len(REQUEST):])

        await group.add_endpoint(name="unary", handler=answer)
        await nc.flush()

        async def caller(text):
            process = await asyncio.create_subprocess_exec(
                os.path.join(options.examples, "echo_caller"), server.url, text, stdout=asyncio.subprocess.PIPE)
            return (await process.communicate())[0].decode()

        assert await caller("hello") == "hello 42\n"
        assert await caller("fail") == "FAILED_PRECONDITION (418): teapot\n"
        await service.stop()
        assert (await caller("hello")).startswith("UNAVAILABLE")
        await nc.close()

    with ServerProcess(options.server) as server:
        asyncio.run(asyncio.wait_for(body(server), 60))


def test_our_stub_finds_theirs(options):
    """An endpoint outside of a group listens on its own name alone."""

    async def body(server):
        import nats.micro

        nc = await connect(server)
        service = await nats.micro.add_service(nc, name="echo", version="2.0.0")

        async def answer(request):
            await request.respond(REPLY + request.data[len(REQUEST):])

        await service.add_endpoint(name="unary", handler=answer)
        await nc.flush()
        process = await asyncio.create_subprocess_exec(
            os.path.join(options.examples, "echo_caller"), server.url, "found", stdout=asyncio.subprocess.PIPE)
        assert (await process.communicate())[0] == b"found 42\n"
        await nc.close()

    with ServerProcess(options.server) as server:
        asyncio.run(asyncio.wait_for(body(server), 60))


TESTS = [test_nats_micro_shows_ours, test_nats_py_calls_ours, test_our_stub_calls_theirs, test_our_stub_finds_theirs]


def main():
    options = parse(__doc__, ("--examples", {"required": True, "help": "folder with our examples"}))
    need_nats_py(options)
    return run_tests(TESTS, options)


if __name__ == "__main__":
    sys.exit(main())
