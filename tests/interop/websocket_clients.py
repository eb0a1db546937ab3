#!/usr/bin/env python3
"""WebSocket clients among the others of a server: who comes in, over TLS too, and what they hear while it runs and changes.

    websocket_clients.py --server PATH

All of it passes against nats-server, too, but for what says so.
"""

import contextlib
import pathlib
import re
import ssl
import struct
import sys
import threading
import time

from certificates import WORLD, run_tests_with_certificates
from real_clients import Skip, parse, wait_until
from web import (
    CLOSE, OFFER, Web, WebServer, connected, deflate, echoes, frame, has_sanitizer, is_ours, only_ours, read_answer, ready,
    request, resident, standard, trusting, until,
)


# --- who comes in ---


def cookies_say_who(options):
    users = "accounts { A { users: [ {user: u, password: p} ] }, B { users: [ {user: v, password: q} ] } }"
    no = "Authorization Violation"
    with WebServer(options, "user_cookie: n, pass_cookie: w", users) as server:
        for cookie, more, expected in (("n=u; w=p", "", ""), ("n=u; w=wrong", "", no), ("", "", no), ("a=b; w=\"p\"; n=\"u\"", "", ""),
                                       ("n=u; w=wrong", ',"pass":"p"', ""), ("n=u; w=p", ',"user":"v","pass":"q"', ""),
                                       ("n=u; w=p", ',"user":"v"', no)):
            one = Web(server, fields=[("Cookie", cookie)] if cookie else [])
            found = one.log_in(more)
            assert found == expected or (expected and found == "closed"), (cookie, more, found)
    with WebServer(options, "token_cookie: t", "authorization { token: secret }") as server:
        for cookie, expected in (("t=secret", ""), ("t=wrong", no), ("x=secret", no)):
            found = Web(server, fields=[("Cookie", cookie)]).log_in()
            assert found == expected or (expected and found == "closed"), (cookie, found)


def users_of_its_own(options):
    with WebServer(options, "authorization { user: web, password: w }", "authorization { user: u, password: p }") as server:
        one = Web(server)
        assert one.info["auth_required"] is True
        assert one.log_in(',"user":"web","pass":"w"') == ""
        assert Web(server).log_in(',"user":"u","pass":"p"') in ("Authorization Violation", "closed")
        standard(server, ',"user":"u","pass":"p"')
    with WebServer(options, "no_auth_user: guest",
                   "accounts { A { users: [ {user: guest}, {user: u, password: p} ] } }") as server:
        assert Web(server).log_in() == ""
        assert Web(server).log_in(',"user":"u","pass":"p"') == ""
        one = connected(server.process.port)
        one.sendall(b"CONNECT {}\r\nPING\r\n")
        until(one, b"-ERR 'Authorization Violation'\r\n")
    with WebServer(options, "authorization { timeout: 0.3 }", "authorization { token: t, timeout: 30 }") as server:
        begin = time.monotonic()
        Web(server).rest()
        assert time.monotonic() - begin < 5


def connection_types(options):
    users = """accounts { A { users: [ {user: w, password: p, allowed_connection_types: ["WEBSOCKET"]},
                                       {user: s, password: p, allowed_connection_types: ["STANDARD"]} ] } }"""
    with WebServer(options, outside=users) as server:
        assert Web(server).log_in(',"user":"w","pass":"p"') == ""
        assert Web(server).log_in(',"user":"s","pass":"p"') in ("Authorization Violation", "closed")
        standard(server, ',"user":"s","pass":"p"')
        one = connected(server.process.port)
        one.sendall(b'CONNECT {"user":"w","pass":"p"}\r\nPING\r\n')
        until(one, b"-ERR 'Authorization Violation'\r\n")


def forwarded_addresses_in_the_log(options):
    with WebServer(options, outside="debug: true\nmax_payload: 100") as server:
        for value, shown in (("10.1.2.3", "10.1.2.3/127.0.0.1:"), ("2001:db8::1", "[2001:db8::1]/127.0.0.1:"), ("nonsense", " 127.0.0.1:")):
            before = len(server.process.log.splitlines())
            one = ready(server, fields=[("X-Forwarded-For", value)])
            one.send(b"PUB a 101\r\n" + b"x" * 101 + b"\r\n")
            one.rest()
            assert server.process.wait_for_log_after(shown, before) is not None, server.process.log
        if is_ours(options):
            one = ready(server, fields=[("X-Forwarded-For", "10.9.9.9, 10.8.8.8")])
            one.send(b"", opcode=CLOSE)
            assert server.process.wait_for_log("10.9.9.9/127.0.0.1:") is not None, server.process.log
        assert " - wid:" in server.process.log


def info_is_that_of_websocket(options):
    with WebServer(options) as server:
        info = Web(server).info
        assert info["port"] == server.port and info["host"] == "127.0.0.1", info
        assert not info.get("tls_required") and not info.get("tls_available"), info
        assert info["client_ip"] == "127.0.0.1"
    with WebServer(options, secure=True) as server:
        info = Web(server, context=trusting()).info
        assert info["tls_required"] and info["tls_available"], info


def connections_are_counted_together(options):
    with WebServer(options, outside="max_connections: 2") as server:
        first, second = ready(server), standard(server)
        one = connected(server.port)
        with contextlib.suppress(ConnectionError):
            one.sendall(request())
            got = b""
            while more := one.recv(1000):
                got += more
            assert b"PONG" not in got
        second.close()
        echoes(first)

        def gets_in():
            with contextlib.suppress(AssertionError, ConnectionError):
                return ready(server)
        wait_until(gets_in, "room for another one")


# --- TLS ---


def over_tls(options):
    with WebServer(options, "compression: true", secure=True) as server:
        for fields in ((), [OFFER]):
            one = ready(server, context=trusting(), fields=fields)
            echoes(one, b"x" * 300_000)
            one.send(struct.pack(">H", 1000), opcode=CLOSE)
            assert one.rest() == (b"", 1000)
        plain = connected(server.port)
        with contextlib.suppress(ConnectionError):
            plain.sendall(request())
            assert b"101" not in plain.recv(1000)
        ready(server, context=trusting())


def clients_certificates(options):
    ca = WORLD.ca
    known = ca.sign("known", "/CN=known", "email:a@b.test")
    bare = ca.sign("stranger", "/CN=other")
    tls = (f'tls {{ cert_file: "{WORLD.server[0]}", key_file: "{WORLD.server[1]}", ca_file: "{ca.file}",'
           ' verify_and_map: true }')
    with WebServer(options, tls, 'accounts { A { users: [ {user: "a@b.test"} ] } }') as server:
        one = Web(server, context=trusting(known))
        assert one.info.get("tls_verify", False) is is_ours(options)  # the other one doesn't tell
        assert one.log_in() == ""
        assert Web(server, context=trusting(bare)).log_in() in ("Authorization Violation", "closed")
        with contextlib.suppress(ssl.SSLError, ConnectionError, AssertionError):
            Web(server, context=trusting())
            raise RuntimeError("without a certificate")


# --- the server's life ---


def lame_ducks(options):
    with WebServer(options, outside='lame_duck_duration: "30s"\nlame_duck_grace_period: "10s"') as server:
        one = Web(server)
        assert one.log_in(',"protocol":1') == ""
        server.process.signal("USR2")
        one.until(b'"ldm":true')
        one.until(b"\r\n")
        echoes(one)

        def is_shut():
            try:
                connected(server.port).close()
            except ConnectionError:
                return True
        wait_until(is_shut, "no more connections")


class Editable(WebServer):
    """One whose file can be changed."""

    def __init__(self, options, inside, outside="", more=()):
        super().__init__(options)
        self.file = pathlib.Path(self.folder.name, "own.conf")
        self.write(inside, outside)
        self.process.config = None
        self.process.arguments += ["-c", str(self.file), *more]

    def write(self, inside, outside=""):
        self.file.write_text(f"{outside}\nwebsocket {{ host: 127.0.0.1\n {inside}\n}}\n", encoding="utf-8")

    def reload(self, inside, outside="", expect="Reloaded"):
        before = len(self.process.log.splitlines())
        self.write(inside, outside)
        self.process.signal("HUP")
        line = self.process.wait_for_log_after(expect, before)
        assert line is not None, self.process.log
        return line


def reload_of_options(options):
    only_ours(options, "the other one takes no change of it")
    with Editable(options, "port: -1, no_tls: true") as server:
        one = ready(server)
        server.reload("port: -1, no_tls: true, compression: true, headers { X-New: \"yes\" }, no_auth_user: guest",
                      "accounts { A { users: [ {user: guest} ] } }")
        after = ready(server, fields=[OFFER])
        assert after.answer["x-new"] == "yes" and "permessage-deflate" in after.answer["sec-websocket-extensions"]
        # Another port needs a restart, and says so.
        line = server.reload("port: 1, no_tls: true", expect="websocket.port")
        assert "restart" in server.process.log, line
        assert ready(server, fields=[OFFER]).answer["x-new"] == "yes"
        one.close()


def reload_before_the_upgrade(options):
    """Who comes in by WebSocket is asked for what is asked for there, whatever happened before."""
    only_ours(options, "the other one takes no change of it")
    asks = 'port: -1, no_tls: true, authorization { user: w, password: secret }'
    with Editable(options, asks) as server:
        with connected(server.port) as early:
            server.reload(asks, "max_control_line: 2048")
            early.sendall(request())
            read_answer(early)
            early.sendall(frame(b"SUB foo 1\r\nPUB foo 2\r\nhi\r\nPING\r\n"))
            got = b""
            while more := early.recv(4096):
                got += more
            assert b"Authorization Violation" in got and b"PONG" not in got and b"MSG" not in got, got
        # Who has yet to say HTTP is closed without words of another protocol.
        with connected(server.port) as first, connected(server.port) as second:
            server.reload(asks, "max_connections: 1")
            first.settimeout(1)
            second.settimeout(20)
            try:
                closed = first.recv(100)
            except TimeoutError:
                closed = second.recv(100)
            assert closed == b"", closed


def reload_of_tls(options):
    only_ours(options, "the other one takes no change of it")
    other = WORLD.ca.sign("renewed", "/CN=renewed", "IP:127.0.0.1,DNS:localhost")

    def tls(pair):
        return f'port: -1, tls {{ cert_file: "{pair[0]}", key_file: "{pair[1]}" }}'

    def name(one):
        return dict(pair[0] for pair in one.socket.getpeercert()["subject"])["commonName"]

    with Editable(options, tls(WORLD.server)) as server:
        before = ready(server, context=trusting())
        server.reload(tls(other))
        after = ready(server, context=trusting())
        assert (name(before), name(after)) == ("server", "renewed")
        echoes(before)


def files_and_log(options):
    with WebServer(options) as server:
        assert server.url.startswith("ws://127.0.0.1:")
        assert f"Listening for websocket clients on {server.url}" in server.process.log, server.process.log
        assert "Websocket not configured with TLS. DO NOT USE IN PRODUCTION!" in server.process.log
    with WebServer(options, secure=True) as server:
        assert server.url.startswith("wss://127.0.0.1:")
        assert "DO NOT USE IN PRODUCTION" not in server.process.log


# --- many ---


def both_kinds_hear_each_other_in_order(options):
    """On two shards, where connections may move meanwhile."""
    arguments = ["--shards", "2"] if is_ours(options) else []
    server = WebServer(options, "compression: true", "write_deadline: \"60s\"")
    server.process.arguments += arguments
    count = 20_000
    with server:
        listeners = [ready(server), ready(server, fields=[OFFER]), ready(server, masked=False)]
        for one in listeners:
            one.send(b"SUB t.* 1\r\nPING\r\n")
            one.until(b"PONG\r\n")
        tcp = standard(server)
        tcp.sendall(b"SUB t.* 1\r\nPING\r\n")
        until(tcp, b"PONG\r\n")

        def lines(name, first, last):
            return b"".join(b"PUB t.%s 8\r\n%08d\r\n" % (name, i) for i in range(first, last))

        def by_tcp(name):
            with standard(server) as one:
                for at in range(0, count, 500):
                    one.sendall(lines(name, at, at + 500))
                one.sendall(b"PING\r\n")
                until(one, b"PONG\r\n")

        def by_web(name, fields):
            one = ready(server, fields=fields)
            for at in range(0, count, 500):
                text = lines(name, at, at + 500)
                one.send(deflate(text) if fields else text, compressed=bool(fields))
            one.send(b"PING\r\n")
            one.until(b"PONG\r\n")
            one.close()

        wrong = []

        def check(text, who):
            for name in (b"a", b"b", b"c"):
                got = re.findall(rb"MSG t\.%s 1 8\r\n(\d{8})\r\n" % name, text)
                if got != [b"%08d" % i for i in range(count)]:
                    wrong.append((who, name, len(got)))

        total = 3 * count

        def hear_web(one, who):
            text = b""
            pieces, heard = [], 0
            while heard < total:
                if not one._take_frame():
                    break
                if len(one.text) > 1 << 16 or heard + one.text.count(b"MSG ") >= total:
                    at = one.text.rfind(b"MSG ")
                    tail = one.text[at:]
                    whole = tail.count(b"\r\n") == 2
                    take = len(one.text) if whole else at
                    piece, one.text = one.text[:take], one.text[take:]
                    heard += piece.count(b"MSG ")
                    pieces.append(piece)
            text = b"".join(pieces)
            check(text, who)

        def hear_tcp():
            pieces, heard = [], 0
            while heard < total:
                piece = tcp.recv(262144)
                if not piece:
                    break
                pieces.append(piece)
                heard = sum(map(len, pieces)) // len(b"MSG t.a 1 8\r\n00000000\r\n") if len(pieces) % 16 == 0 or len(piece) < 262144 else heard
            check(b"".join(pieces), "tcp")

        threads = [threading.Thread(target=hear_web, args=(one, i)) for i, one in enumerate(listeners)]
        threads += [threading.Thread(target=hear_tcp), threading.Thread(target=by_tcp, args=(b"a",)),
                    threading.Thread(target=by_web, args=(b"b", ())), threading.Thread(target=by_web, args=(b"c", [OFFER]))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not wrong and not any(thread.is_alive() for thread in threads), wrong


def idle_connections_are_small(options):
    only_ours(options, "a bound on memory")
    with WebServer(options, "compression: true") as server:
        if has_sanitizer(server):
            raise Skip("a sanitizer's memory")
        held = [ready(server, fields=[OFFER]) for _ in range(50)]
        before = resident(server)
        held += [ready(server, fields=[OFFER]) for _ in range(300)]
        for one in held:
            one.send(deflate(b"PING\r\n" * 100), compressed=True)
            for _ in range(100):
                one.until(b"PONG\r\n")
        each = (resident(server) - before) / 300
        assert each < 8 * 1024, f"{each} bytes each"


TESTS = [cookies_say_who, users_of_its_own, connection_types, forwarded_addresses_in_the_log, info_is_that_of_websocket,
         connections_are_counted_together, over_tls, clients_certificates, lame_ducks, reload_of_options, reload_before_the_upgrade, reload_of_tls,
         files_and_log, both_kinds_hear_each_other_in_order, idle_connections_are_small]


if __name__ == "__main__":
    sys.exit(run_tests_with_certificates(TESTS, parse(__doc__)))
