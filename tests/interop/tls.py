#!/usr/bin/env python3
"""TLS of a server, by Python's ssl and by real clients (nats-py, the `nats` tool where they are there).

    tls.py --server PATH [--peers DIR]

All of it passes against nats-server, too, but for what says so.
"""

import asyncio
import contextlib
import hashlib
import importlib.util
import itertools
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from certificates import WORLD, run_tests_with_certificates
from real_clients import ServerProcess, Skip, parse, prefer_nats_py

COUNT = itertools.count()


@contextlib.contextmanager
def serving(options, inside="", outside="", files=None, more=()):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(WORLD.config(inside, outside, files))
        file.flush()
        with ServerProcess(options.server, ["-c", file.name, *more]) as server:
            yield server


def tcp(server):
    one = socket.create_connection((server.host, server.port), timeout=10)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one


def line(one):
    got = b""
    while not got.endswith(b"\r\n"):
        byte = one.recv(1)
        if not byte:
            break
        got += byte
    return got


def rest(one, patience=10.0):
    """All until the end; and whether it ended within that time."""
    one.settimeout(patience)
    got = b""
    try:
        while True:
            more = one.recv(65536)
            if not more:
                return got, True
            got += more
    except (TimeoutError, socket.timeout):
        return got, False
    except (ConnectionError, ssl.SSLError):
        return got, True


def until(one, what, limit=1 << 27):
    got = bytearray()
    while what not in got[-70000:]:
        more = one.recv(65536)
        assert more, bytes(got[-200:])
        got += more
        assert len(got) < limit
    return bytes(got)


def secured(server, pair=None, context=None, session=None, name="localhost", first=False):
    one = tcp(server)
    info = b"" if first else line(one)
    one = (context or WORLD.context(pair)).wrap_socket(one, server_hostname=name, session=session)
    return one, info if not first else line(one)


def log_in(one, more=""):
    one.sendall(b'CONNECT {"verbose":false,"protocol":1%s}\r\nPING\r\n' % more.encode())
    got = b""
    while not (b"INFO " in got and got.endswith(b"\r\n")) and b"-ERR" not in got:
        new = one.recv(65536)
        if not new:
            return "closed"
        got += new
    if b"-ERR" in got:
        return re.search(rb"-ERR '(.*?)'", got)[1].decode()
    return re.search(rb'"remote_account":"(.*?)"', got)[1].decode()


def works(server, **how):
    one, _ = secured(server, **how)
    assert log_in(one) == "$G"
    subject = b"own.%d" % next(COUNT)
    one.sendall(b"SUB %s 1\r\nPUB %s 2\r\nhi\r\nUNSUB 1\r\n" % (subject, subject))
    assert until(one, b"hi\r\n") == b"MSG %s 1 2\r\nhi\r\n" % subject
    return one


def refused(server, **how):
    """Nobody gets in like this."""
    try:
        one, _ = secured(server, **how)
        one.sendall(b"CONNECT {}\r\nPING\r\n")
        got, ended = rest(one)
        assert ended and b"PONG" not in got, got
    except (ssl.SSLError, ConnectionError):
        pass


# --- versions, sessions ---


def both_versions(options):
    with serving(options) as server:
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            assert works(server, context=WORLD.context(version=version)).version() == name
    with serving(options, 'min_version: "1.3"') as server:
        works(server)
        refused(server, context=WORLD.context(version=ssl.TLSVersion.TLSv1_2))


def older_versions_are_refused(options):
    with serving(options, "handshake_first: true") as server:
        done = subprocess.run(["openssl", "s_client", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-connect", f"127.0.0.1:{server.port}"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
        assert b"alert protocol version" in done.stdout, done.stdout


def sessions_are_resumed(options):
    users = 'accounts { A { users: [ {user: "a@b.test"} ] } }'
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = WORLD.context(version=version)
        with serving(options) as server:
            before = works(server, context=context)
            assert not before.session_reused
            after = works(server, context=context, session=before.session)
            assert after.session_reused
        # Who one is doesn't get lost on the way.
        context = WORLD.context(WORLD.client, version)
        with serving(options, "verify_and_map: true", users) as server:
            before, _ = secured(server, context=context)
            assert log_in(before) == "A"
            after, _ = secured(server, context=context, session=before.session)
            assert log_in(after) == "A" and after.session_reused


def cipher_suites(options):
    context = WORLD.context(version=ssl.TLSVersion.TLSv1_2)
    with serving(options, "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]") as server:
        assert works(server, context=context).cipher()[0] == "ECDHE-ECDSA-AES128-GCM-SHA256"
        context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
        refused(server, context=context)
        assert works(server).version() == "TLSv1.3"


# --- what INFO says, and who speaks first ---


def info_says_what_is_wanted(options):
    for inside, outside, expected in (("", "", {"tls_required"}), ("verify: true", "", {"tls_required", "tls_verify"}),
                                      ("", "allow_non_tls: true", {"tls_available"})):
        with serving(options, inside, outside) as server:
            info = line(tcp(server)).decode()
            assert set(re.findall(r'"(tls_\w+)":true', info)) == expected, info


def plain_words_are_not_heard(options):
    with serving(options) as server:
        one = tcp(server)
        line(one)
        one.sendall(b"CONNECT {}\r\nPING\r\n")
        assert rest(one) == (b"", True)
        works(server)


def optional(options):
    with serving(options, outside="allow_non_tls: true") as server:
        plain = tcp(server)
        line(plain)
        assert log_in(plain) == "$G"
        works(server)
        plain.sendall(b"SUB b 1\r\nPUB b 2\r\nho\r\n")
        assert until(plain, b"ho\r\n") == b"MSG b 1 2\r\nho\r\n"


def optional_for_the_silent(options):
    with serving(options, "timeout: 0.3", "allow_non_tls: true") as server:
        one = tcp(server)
        line(one)
        assert rest(one, 1.0) == (b"", False)
        assert log_in(one) == "$G"


def handshake_first(options):
    with serving(options, "handshake_first: true") as server:
        works(server, first=True)
        silent = tcp(server)
        silent.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            assert silent.recv(1) is None
        plain = tcp(server)
        plain.sendall(b"CONNECT {}\r\nPING\r\n")
        assert rest(plain) == (b"", True)


def handshake_first_or_not(options):
    with serving(options, 'handshake_first: "300ms"') as server:
        works(server, first=True)
        begin = time.monotonic()
        works(server)
        assert time.monotonic() - begin > 0.25
    with serving(options, "handshake_first: auto") as server:
        works(server)


def who_is_late_is_closed(options):
    with serving(options, "timeout: 0.5", "authorization { token: t }") as server:
        begin = time.monotonic()
        one = tcp(server)
        line(one)
        assert rest(one) == (b"", True)
        assert 0.4 < time.monotonic() - begin < 3
        # A second more than TLS may take, from after the handshake.
        one, _ = secured(server)
        begin = time.monotonic()
        assert rest(one) == (b"-ERR 'Authentication Timeout'\r\n", True)
        assert 1.3 < time.monotonic() - begin < 5


def handshakes_a_second(options):
    with serving(options, "connection_rate_limit: 2") as server:
        ends = []
        for _ in range(5):
            one = tcp(server)
            line(one)
            ends.append(rest(one, 0.1))
        assert ends[-1] == (b"-ERR 'Connection throttling is active. Please try again later.'\r\n", True), ends
        time.sleep(1.1)
        works(server)


# --- odd peers ---


class ByHand:
    """A client's side of TLS, whose bytes the test carries."""

    def __init__(self, version):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = WORLD.context(version=version).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def go_on(self, got=b""):
        """What to send next, and whether the handshake is done."""
        if got:
            self.incoming.write(got)
        try:
            self.tls.do_handshake()
            return self.outgoing.read(), True
        except ssl.SSLWantReadError:
            return self.outgoing.read(), False


def begun(server, version):
    """A connection whose handshake is done but for the client's last flight, and that flight."""
    one, hand = tcp(server), ByHand(version)
    line(one)
    one.sendall(hand.go_on()[0])
    while True:
        last, _ = hand.go_on(one.recv(65536))
        if last:
            return one, last


def handshakes_cut_anywhere(options):
    with serving(options, "timeout: 1") as server:
        good = works(server)
        good.sendall(b"SUB a 1\r\n")
        held = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            hello = ByHand(version).go_on()[0]
            for size in [*range(0, 12), *range(12, len(hello), 29), len(hello)]:
                one = tcp(server)
                line(one)
                one.sendall(hello[:size])
                held.append(one)
            last = begun(server, version)[1]
            for size in [*range(0, 8), *range(8, len(last), 23)]:
                one, flight = begun(server, version)
                one.sendall(flight[:size])
                held.append(one)
        # Others are served meanwhile, old and new ones.
        begin = time.monotonic()
        good.sendall(b"PUB a 2\r\nho\r\n")
        until(good, b"ho\r\n")
        works(server)
        assert time.monotonic() - begin < 0.9
        for one in held:
            assert rest(one)[1]
        assert time.monotonic() - begin < 4
        # And those who go away in the middle.
        for size in (0, 1, 5, 6, len(hello) - 1, len(hello)):
            one = tcp(server)
            line(one)
            one.sendall(hello[:size])
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0" if size % 2 else b"\0" * 8)
            one.close()
        works(server)


def handshake_byte_by_byte(options):
    with serving(options) as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            one, hand = tcp(server), ByHand(version)
            line(one)
            out, done = hand.go_on()
            while True:
                for at in range(len(out)):
                    one.sendall(out[at:at + 1])
                if done:
                    break
                out, done = hand.go_on(one.recv(65536))
            hand.tls.write(b"PING\r\n")
            one.sendall(hand.outgoing.read())
            got = b""
            while not got:
                hand.incoming.write(one.recv(65536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    got = hand.tls.read(100)
            assert got == b"PONG\r\n"


def records_that_are_none(options):
    with serving(options) as server:
        for bytes_ in (b"\x16\x03\x01\xff\xff" + b"x" * 70000, b"\x16" * 100, b"\x16\x03\x01\x00\x00", os.urandom(300),
                       b"\x16\x03\x03\x00\x04\x01\x00\x00\x00", b"\x80\x2e\x01\x03\x01"):
            one = tcp(server)
            line(one)
            with contextlib.suppress(ConnectionError):
                one.sendall(bytes_)
            got, ended = rest(one)
            assert ended, (bytes_[:10], got)
        # Past the handshake: too large, and tampered with.
        for bytes_ in (b"\x17\x03\x03\xff\xff" + b"x" * 70000, b"\x17\x03\x03\x00\x40" + b"x" * 64):
            one = works(server)
            raw = socket.socket(fileno=os.dup(one.fileno()))
            with contextlib.suppress(ConnectionError):
                raw.sendall(bytes_)
            assert rest(raw)[1]
        works(server)


def no_renegotiation(options):
    with serving(options, "handshake_first: true") as server:
        talk = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", WORLD.ca.file]
        with subprocess.Popen([*talk, "-tls1_2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            time.sleep(0.3)
            client.stdin.write(b"R\n")
            client.stdin.flush()
            time.sleep(0.3)
            with contextlib.suppress(BrokenPipeError):
                client.stdin.close()
            output = client.stdout.read()
        assert output.count(b"INFO {") == 1, output
        works(server, first=True)


def keys_are_changed(options):
    with serving(options, "handshake_first: true") as server:
        talk = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", WORLD.ca.file, "-tls1_3"]
        with subprocess.Popen(talk, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            for word in (b"PING\n", b"K\n", b"PING\n", b"k\n", b"PING\n"):
                time.sleep(0.2)
                client.stdin.write(word)
                client.stdin.flush()
            time.sleep(0.3)
            client.stdin.close()
            output = client.stdout.read()
        assert output.count(b"PONG") == 3, output


def an_end_of_tls_is_an_end(options):
    with serving(options) as server:
        one = works(server)
        raw = one.unwrap()
        assert rest(raw)[1]
        one = works(server)
        one.shutdown(socket.SHUT_WR)
        assert rest(one)[1]


def tls_to_a_server_without(options):
    with ServerProcess(options.server) as server:
        one = tcp(server)
        line(one)
        try:
            WORLD.context().wrap_socket(one, server_hostname="localhost")
            raise AssertionError("a handshake with nobody")
        except (ssl.SSLError, ConnectionError):
            pass
        other = tcp(server)
        line(other)
        assert log_in(other) == "$G"


# --- messages ---


def large_and_small_messages(options):
    for more in ((), ("--shards", "2")):
        if more and "nuncio" not in os.path.basename(options.server):
            continue
        with serving(options, more=more) as server:
            reader, writer = works(server), works(server)
            reader.sendall(b"SUB big 7\r\nPING\r\n")
            until(reader, b"PONG\r\n")
            expected = bytearray()
            out = bytearray()
            for index in range(400):
                size = (index * 7919) % 5000 if index % 50 else 900_000
                payload = hashlib.sha256(b"%d" % index).hexdigest().encode() * (size // 64 + 1)
                out += b"PUB big %d\r\n%s\r\n" % (len(payload), payload)
                expected += b"MSG big 7 %d\r\n%s\r\n" % (len(payload), payload)
            sender = threading.Thread(target=writer.sendall, args=(bytes(out),), daemon=True)
            sender.start()
            got = bytearray()
            while len(got) < len(expected):
                got += reader.recv(65536)
            assert got == expected
            sender.join()


def a_slow_reader_gets_all(options):
    with serving(options) as server:
        reader, writer = works(server), works(server)
        reader.sendall(b"SUB slow.* 1\r\nPING\r\n")
        until(reader, b"PONG\r\n")
        expected = bytearray()
        for index in range(3000):
            payload = b"%d " % index * (1 + index % 1500)
            writer.sendall(b"PUB slow.%d %d\r\n%s\r\n" % (index, len(payload), payload))
            expected += b"MSG slow.%d 1 %d\r\n%s\r\n" % (index, len(payload), payload)
        writer.sendall(b"PING\r\n")
        until(writer, b"PONG\r\n")
        # It has taken nothing so far; it may ask, too, while its queue is full.
        reader.sendall(b"PING\r\n")
        got = bytearray()
        while len(got) < len(expected) + 6:
            more = reader.recv(3000)
            assert more
            got += more
        assert got.replace(b"PONG\r\n", b"", 1) == expected


def many_handshakes_at_once(options):
    with serving(options, "timeout: 20") as server:
        good = works(server)
        good.sendall(b"SUB a 1\r\n")
        failures = []

        def come_and_go():
            try:
                for _ in range(8):
                    works(server).close()
            except Exception as failure:  # noqa: BLE001
                failures.append(failure)

        crowd = [threading.Thread(target=come_and_go, daemon=True) for _ in range(24)]
        for each in crowd:
            each.start()
        for index in range(50):
            good.sendall(b"PUB a 4\r\n%04d\r\n" % index)
            until(good, b"%04d\r\n" % index)
        for each in crowd:
            each.join()
        assert not failures, failures[0]


def idle_connections_are_small(options):
    with open(options.server, "rb") as program:
        bytes_ = program.read()
    if b"nuncio" not in bytes_ or b"__asan_init" in bytes_ or b"__tsan_init" in bytes_:
        raise Skip("another server, or one with a sanitizer's memory")

    def resident(server):
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) * 1024

    context = WORLD.context()
    with serving(options, "timeout: 20") as server:
        held = [works(server, context=context) for _ in range(20)]
        before = resident(server)
        held += [works(server, context=context) for _ in range(300)]
        each = (resident(server) - before) / 300
        assert each < 20 * 1024, f"{each} bytes each"


# --- real clients ---


def nats_py(options):
    if importlib.util.find_spec("nats") is None:
        raise Skip("nats-py is not there")
    import nats

    async def talk(server, pair=None, first=False):
        nc = await nats.connect(f"tls://127.0.0.1:{server.port}", tls=WORLD.context(pair), connect_timeout=5,
                                tls_handshake_first=first, allow_reconnect=False)
        subscription = await nc.subscribe("foo")
        await nc.publish("foo", b"x" * 500_000)
        assert (await subscription.next_msg(5)).data == b"x" * 500_000
        await nc.close()

    with serving(options) as server:
        asyncio.run(talk(server))
    with serving(options, "verify: true") as server:
        asyncio.run(talk(server, WORLD.client))
    with serving(options, "handshake_first: true") as server:
        asyncio.run(talk(server, first=True))


def nats_tool(options):
    tool = os.path.join(options.peers, "nats")
    if not os.access(tool, os.X_OK):
        raise Skip(f"{tool} is not there")

    def run(server, *words):
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run([tool, "--server", f"tls://127.0.0.1:{server.port}", "--tlsca", WORLD.ca.file, *words],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                                  check=False, env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home})
        return done.returncode, done.stdout.decode("utf-8", "replace")

    with serving(options) as server:
        code, output = run(server, "bench", "pub", "foo", "--msgs", "20000", "--size", "512", "--no-progress")
        assert code == 0, output
        assert run(server, "rtt")[0] == 0
    with serving(options, "verify: true") as server:
        code, output = run(server, "--tlscert", WORLD.client[0], "--tlskey", WORLD.client[1], "pub", "foo", "hi")
        assert code == 0, output
        assert run(server, "pub", "foo", "hi")[0] != 0
    with serving(options, "handshake_first: true") as server:
        code, output = run(server, "--tlsfirst", "pub", "foo", "hi")
        assert code == 0, output


TESTS = [both_versions, older_versions_are_refused, sessions_are_resumed, cipher_suites, info_says_what_is_wanted,
         plain_words_are_not_heard, optional, optional_for_the_silent, handshake_first, handshake_first_or_not,
         who_is_late_is_closed, handshakes_a_second, handshakes_cut_anywhere, handshake_byte_by_byte, records_that_are_none,
         no_renegotiation, keys_are_changed, an_end_of_tls_is_an_end, tls_to_a_server_without, large_and_small_messages,
         a_slow_reader_gets_all, many_handshakes_at_once, idle_connections_are_small, nats_py, nats_tool]


def main():
    options = parse(__doc__)
    prefer_nats_py(options)
    return run_tests_with_certificates(TESTS, options)


if __name__ == "__main__":
    sys.exit(main())
