#!/usr/bin/env python3
"""The JavaScript client (@nats-io/nats-core) over WebSocket, in Node and in a headless Chromium, against a server.

    websocket_js.py --server PATH [--peers DIR]

What is played is in websocket_js/scenarios.mjs. The packages are taken from the folder of peers (DIR/js), node and chromium
from PATH; without chromium the tests in the browser are skipped, each with that reason.
"""

import asyncio
import base64
import contextlib
import http.server
import importlib.util
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from certificates import WORLD, run_tests_with_certificates
from real_clients import HERE, Skip, parse, prefer_nats_py, skip
from web import ROOM, WebServer

FILES = HERE / "websocket_js"
EVERYTHING = ["what_is_agreed", "any_cuts", "publish_and_subscribe", "wildcards_and_unsubscribe", "headers", "requests",
              "queue_groups", "large_payloads", "many_small_messages", "drain"]
TIME_LIMIT = 150.0


def job(server: WebServer, scenario: str, **more) -> dict:
    return {"scenario": scenario, "url": server.url, **more}


class Outcomes:
    """What the scenarios say: collects it, and fails with all that went wrong."""

    def __init__(self, jobs: list[dict], told=None):
        self.jobs, self.told = jobs, told
        self.count, self.wrong = 0, []

    def take(self, line: dict) -> None:
        if "told" in line:
            if self.told:
                self.told(line["told"])
        elif "failed" in line:
            self.wrong.append(line["failed"])
        elif "job" in line:
            self.count += 1
            if line["error"]:
                self.wrong.append(f"{line['job']['scenario']} ({line['seconds']} s): {line['error']}")

    def check(self, more: str = "") -> None:
        assert not self.wrong, "\n".join(self.wrong) + more
        assert self.count == len(self.jobs), f"{self.count} of {len(self.jobs)} scenarios were played{more}"


# --- Node ---


def modules(options) -> str:
    return os.path.join(options.peers, "js")


def node_command(options, *words: str, native: bool = False) -> list[str]:
    return ["node", *(["--experimental-websocket"] if native else []), str(FILES / "node.mjs"), modules(options), *words]


def in_node(options, jobs: list[dict], told=None, native: bool = False) -> None:
    """Plays jobs in one process of Node; told(text) is called with what scenarios tell meanwhile."""
    outcomes = Outcomes(jobs, told)
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": WORLD.ca.file}
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(node_command(options, json.dumps(jobs), native=native), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=complaints, env=environment, text=True)
        timer = threading.Timer(TIME_LIMIT, process.kill)
        timer.start()
        try:
            with process.stdout:
                for line in process.stdout:
                    outcomes.take(json.loads(line))
            code = process.wait()
        finally:
            timer.cancel()
            if process.poll() is None:
                process.kill()
                process.wait()
        complaints.seek(0)
        outcomes.check(f"\nnode ended with {code} and said:\n{complaints.read()}")


def node_plain(options):
    with WebServer(options) as server:
        in_node(options, [job(server, each, ws={"perMessageDeflate": True}) for each in EVERYTHING])


def node_compressed(options):
    with WebServer(options, "compression: true", ROOM) as server:
        in_node(options, [job(server, each, compressed=True) for each in EVERYTHING])
        # It is for those who ask.
        in_node(options, [job(server, each, ws={"perMessageDeflate": False}) for each in ("what_is_agreed", "large_payloads")])


def node_secure(options):
    with WebServer(options, secure=True) as server:
        in_node(options, [job(server, each, ws={"ca_file": WORLD.ca.file}) for each in EVERYTHING])
        in_node(options, [job(server, "turned_away", ws={"ca_file": WORLD.stranger.file})])
    with WebServer(options, "compression: true", ROOM, secure=True) as server:
        in_node(options, [job(server, each, compressed=True, ws={"ca_file": WORLD.ca.file}) for each in EVERYTHING])


def node_without_a_package(options):
    """Node's own WebSocket, by which the client connects without being told how."""
    flag = "--experimental-websocket"
    there = subprocess.run(["node", flag, "-e", "process.exit(globalThis.WebSocket ? 0 : 1)"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    if not there:
        raise Skip("this Node has no WebSocket of its own")
    scenarios = [each for each in EVERYTHING if each != "what_is_agreed"]
    with WebServer(options) as server, WebServer(options, "compression: true", ROOM, secure=True) as secure:
        in_node(options, [job(each, scenario, socket="native") for each in (server, secure) for scenario in scenarios], native=True)


def node_reconnects(options):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(WebServer(options))

        def come_again(_: str) -> None:
            server.process.stop()
            stack.enter_context(WebServer(options, port=server.port))

        in_node(options, [job(server, "reconnect")], come_again)


def new_nkey(options) -> dict:
    done = subprocess.run(node_command(options, "nkey"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=30, check=True)
    return json.loads(done.stdout)


def node_logs_in(options):
    pair, other = new_nkey(options), new_nkey(options)
    users = f'authorization {{ users: [ {{user: ada, password: "secret"}}, {{nkey: {pair["key"]}}} ] }}'
    with WebServer(options, outside=users) as server:
        in_node(options, [job(server, "welcome", login={"user": "ada", "pass": "secret"}),
                          job(server, "welcome", seed=pair["seed"]),
                          job(server, "unauthorized", login={"user": "ada", "pass": "wrong"}),
                          job(server, "unauthorized", seed=other["seed"]),
                          job(server, "unauthorized")])
    with WebServer(options, outside='authorization { token: "t0ken" }') as server:
        in_node(options, [job(server, "welcome", login={"token": "t0ken"}),
                          job(server, "unauthorized", login={"token": "wrong"}),
                          job(server, "unauthorized")])


def node_logs_in_where_only_websocket_asks(options):
    """Users of the websocket block are for its clients; those by TCP need none."""
    with WebServer(options, 'authorization { username: web, password: "secret" }') as server:
        in_node(options, [job(server, "welcome", login={"user": "web", "pass": "secret"}),
                          job(server, "unauthorized", login={"user": "web", "pass": "wrong"}),
                          job(server, "unauthorized")])


def node_connection_types(options):
    users = """authorization { users: [
      {user: web, password: p, allowed_connection_types: [WEBSOCKET]}, {user: tcp, password: p, allowed_connection_types: [STANDARD]}
    ] }"""
    with WebServer(options, outside=users) as server:
        in_node(options, [job(server, "welcome", login={"user": "web", "pass": "p"}),
                          job(server, "unauthorized", login={"user": "tcp", "pass": "p"})])


def cookies(text: str) -> dict:
    return {"headers": {"Cookie": text}}


def node_brings_cookies(options):
    users = 'authorization { users: [ {user: ada, password: "secret"}, {user: bob, password: "other"} ] }'
    with WebServer(options, "user_cookie: who, pass_cookie: word", users) as server:
        in_node(options, [job(server, "welcome", ws=cookies("who=ada; word=secret")),
                          job(server, "welcome", ws=cookies("x=y; word=secret; who=ada")),
                          job(server, "unauthorized", ws=cookies("who=ada; word=wrong")),
                          job(server, "unauthorized", ws=cookies("other=ada; word=secret")),
                          # What CONNECT says counts more.
                          job(server, "welcome", ws=cookies("who=ada; word=wrong"), login={"user": "bob", "pass": "other"})])
    with WebServer(options, "token_cookie: ticket", 'authorization { token: "t0ken" }') as server:
        in_node(options, [job(server, "welcome", ws=cookies("ticket=t0ken")), job(server, "unauthorized", ws=cookies("ticket=no"))])


def node_has_an_origin(options):
    with WebServer(options, "same_origin: true") as server:
        here = f"http://127.0.0.1:{server.port}"
        in_node(options, [job(server, "welcome", ws={"origin": here}), job(server, "welcome"),
                          job(server, "turned_away", ws={"origin": "http://127.0.0.1:1"}),
                          job(server, "turned_away", ws={"origin": f"http://example.com:{server.port}"}),
                          job(server, "turned_away", ws={"origin": here.replace("http:", "https:").rpartition(":")[0]})])
    with WebServer(options, 'allowed_origins: ["http://good.example.com", "https://other.example.com:8443"]') as server:
        in_node(options, [job(server, "welcome", ws={"origin": "http://good.example.com"}),
                          job(server, "welcome", ws={"origin": "http://good.example.com:80"}),
                          job(server, "welcome", ws={"origin": "https://other.example.com:8443"}), job(server, "welcome"),
                          job(server, "turned_away", ws={"origin": "https://good.example.com"}),
                          job(server, "turned_away", ws={"origin": "https://other.example.com"}),
                          job(server, "turned_away", ws={"origin": "http://bad.example.com"})])


def node_talks_with_tcp(options):
    """A client by TCP (nats-py) and one by WebSocket hear, ask and answer each other."""
    if importlib.util.find_spec("nats") is None:
        raise Skip("nats-py is not there")
    count = 2000
    for inside, outside, more in (("", "", {}), ("compression: true", ROOM, {"compressed": True})):
        with WebServer(options, inside, outside) as server:
            asyncio.run(asyncio.wait_for(tcp_side(options, server, job(server, "with_tcp", count=count, **more)), TIME_LIMIT))


async def tcp_side(options, server: WebServer, what: dict) -> None:
    import nats

    async with await nats.connect(server.process.url, connect_timeout=5, allow_reconnect=False) as nc:

        async def double(message):
            await message.respond(str(2 * int(message.data)).encode())

        async def echo(message):
            await message.respond(message.data)

        await nc.subscribe("tcp.double", cb=double)
        await nc.subscribe("tcp.echo", cb=echo)
        subscription = await nc.subscribe("to.tcp")
        await nc.flush()
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        playing = loop.run_in_executor(None, in_node, options, [what], lambda _: loop.call_soon_threadsafe(ready.set_result, True))
        await asyncio.wait([ready, playing], return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            await playing
        for index in range(20):
            assert (await nc.request("web.double", str(index).encode(), timeout=5)).data == str(2 * index).encode()
        for index in range(what["count"]):
            await nc.publish("to.web", str(index).encode(), headers={"Index": str(index)})
        await nc.flush()
        for index in range(what["count"]):
            message = await subscription.next_msg(20)
            assert (message.data, message.headers) == (str(index).encode(), {"Index": str(index)}), (index, message)
        await playing


# --- Chromium ---


class Page(http.server.ThreadingHTTPServer):
    """Serves page.html, the client's files and the jobs; takes what comes of them."""

    daemon_threads = True

    def __init__(self, options, jobs: list[dict] | None = None, set_cookies: tuple[str, ...] = ()):
        super().__init__(("127.0.0.1", 0), Handler)
        self.packages, self.set_cookies = pathlib.Path(modules(options)).resolve(), set_cookies
        self.outcomes, self.done = Outcomes(jobs or []), threading.Event()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    FILES = {"/": ("page.html", "text/html"), "/commonjs.js": ("commonjs.js", "text/javascript"),
             "/scenarios.mjs": ("scenarios.mjs", "text/javascript")}

    def do_GET(self):  # noqa: N802  (the name is http.server's)
        if self.path in self.FILES:
            name, kind = self.FILES[self.path]
            return self._answer((FILES / name).read_bytes(), kind)
        if self.path == "/jobs":
            return self._answer(json.dumps(self.server.outcomes.jobs).encode(), "application/json")
        file = (self.server.packages / self.path.lstrip("/")).resolve()
        if self.server.packages in file.parents and file.is_file():
            return self._answer(file.read_bytes(), "text/plain")
        return self.send_error(404)

    def do_POST(self):  # noqa: N802
        line = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.outcomes.take(line)
        self._answer(b"", "text/plain")
        if "done" in line or "failed" in line:
            self.server.done.set()

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for cookie in self.server.set_cookies:
            self.send_header("Set-Cookie", f"{cookie}; Path=/; SameSite=Strict")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *_):  # noqa: A002
        pass


def chromium_path() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    raise Skip("chromium is not there (scripts/bootstrap --browser brings it)")


def key_hash() -> str:
    """Of the server's key, as Chromium names one that it shall trust."""
    return base64.b64encode(bytes.fromhex(WORLD.ca.pin(WORLD.server))).decode()


@contextlib.contextmanager
def chromium(url: str, log):
    """A browser at this page, with a profile of its own; ended with all its processes, which are a group."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [chromium_path(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
                   f"--ignore-certificate-errors-spki-list={key_hash()}", f"--user-data-dir={profile}", url]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                   env={**os.environ, "HOME": profile})
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def in_chromium(page: Page, jobs: list[dict]) -> None:
    page.outcomes = Outcomes(jobs)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    with page, tempfile.TemporaryFile("w+") as log:
        try:
            with chromium(page.origin, log) as process:
                deadline = time.monotonic() + TIME_LIMIT
                while not page.done.wait(0.2) and process.poll() is None and time.monotonic() < deadline:
                    pass
        finally:
            page.shutdown()
        log.seek(0)
        said = "".join(line for line in log if "dbus" not in line)[-3000:]
        page.outcomes.check("" if page.done.is_set() else f"\nchromium said:\n{said}")


def browser_jobs(server: WebServer, **more) -> list[dict]:
    return [job(server, each, count=20_000, **more) for each in EVERYTHING]


def browser_plain(options):
    chromium_path()
    with WebServer(options) as server:
        in_chromium(Page(options), browser_jobs(server))


def browser_compressed(options):
    chromium_path()
    with WebServer(options, "compression: true", ROOM) as server:
        in_chromium(Page(options), browser_jobs(server, compressed=True))


def browser_secure(options):
    chromium_path()
    with WebServer(options, "compression: true", ROOM, secure=True) as server:
        in_chromium(Page(options), browser_jobs(server, compressed=True))


def browser_logs_in(options):
    """By CONNECT, and by cookies that the page's server has set: those don't depend on the port."""
    chromium_path()
    users = 'authorization { users: [ {user: ada, password: "secret"}, {user: bob, password: "other"} ] }'
    with WebServer(options, "user_cookie: who, pass_cookie: word", users) as server, WebServer(options, outside=users) as plain:
        in_chromium(Page(options, set_cookies=("who=ada", "word=secret")),
                    [job(server, "welcome"), job(plain, "unauthorized"),
                     job(plain, "unauthorized", login={"user": "bob", "pass": "wrong"}),
                     job(plain, "welcome", login={"user": "bob", "pass": "other"})])


def browser_has_an_origin(options):
    chromium_path()
    page = Page(options)
    with WebServer(options, f'allowed_origins: ["{page.origin}"]') as good, \
            WebServer(options, 'allowed_origins: ["http://example.com"]') as bad, WebServer(options, "same_origin: true") as same:
        in_chromium(page, [job(good, "welcome"), job(bad, "turned_away"), job(same, "turned_away")])


TESTS = [node_plain, node_compressed, node_secure, node_without_a_package, node_reconnects, node_logs_in,
         node_logs_in_where_only_websocket_asks, node_connection_types, node_brings_cookies, node_has_an_origin, node_talks_with_tcp,
         browser_plain, browser_compressed, browser_secure, browser_logs_in, browser_has_an_origin]


def main():
    options = parse(__doc__)
    if shutil.which("node") is None:
        skip("node is not in PATH")
    if not os.path.isdir(os.path.join(modules(options), "node_modules", "@nats-io", "nats-core")):
        skip(f"{modules(options)} has no @nats-io/nats-core")
    prefer_nats_py(options)
    return run_tests_with_certificates(TESTS, options)


if __name__ == "__main__":
    sys.exit(main())
