#!/usr/bin/env python3
"""WebSocket of a server, byte by byte: requests, frames, compression, and what becomes of clients that misbehave.

    websocket.py --server PATH

All of it passes against nats-server, too, but for what says so.
"""

import contextlib
import random
import re
import struct
import sys
import time
import zlib

from certificates import run_tests_with_certificates
from real_clients import parse
from web import (
    ACCEPT, BINARY, CLOSE, MASK, OFFER, PING, PONG, ROOM, TEXT, Web, WebServer, ask, connected, deflate, echoes, frame,
    has_sanitizer, is_ours, only_ours, read_answer, ready, request, resident, standard,
)


# --- the upgrade ---


def upgrade(options):
    with WebServer(options, "headers { X-Own: value }") as server:
        status, fields, body = ask(server, request([OFFER]))
        assert (status, fields["upgrade"].lower(), fields["connection"].lower()) == (101, "websocket", "upgrade")
        assert fields["sec-websocket-accept"] == ACCEPT and "sec-websocket-extensions" not in fields
        assert fields["x-own"] == "value" and "nats-no-masking" not in fields
        for more in ([], [("Connection", "keep-alive, upgrade")], [("Upgrade", "WebSocket")], [("Origin", "http://any.test")]):
            assert ask(server, request(more))[0] == 101, more
        assert ask(server, request(first="GET /any/path?query HTTP/1.1"))[0] == 101


def upgrades_that_are_refused(options):
    with WebServer(options) as server:
        for wrong, status in ((request(first="POST / HTTP/1.1"), 405), (request(first="PUT / HTTP/1.1"), 405),
                              (request(leave_out=["Host"]), 400), (request(leave_out=["Upgrade"]), 400),
                              (request([("Upgrade", "h2c")]), 400), (request(leave_out=["Connection"]), 400),
                              (request([("Connection", "close")]), 400), (request(leave_out=["Sec-WebSocket-Key"]), 400),
                              (request([("Sec-WebSocket-Key", "short")]), 400), (request([("Sec-WebSocket-Version", "8")]), 400),
                              (request(leave_out=["Sec-WebSocket-Version"]), 400),
                              (request(first="GET /mqtt HTTP/1.1"), 404)):
            found, fields, _ = ask(server, wrong)
            assert found == status, (wrong, found)
            # The reference leaves it to its HTTP server to refuse a request without a host.
            if is_ours(options) or b"Host" in wrong:
                assert fields["sec-websocket-version"] == "13", fields
        assert ask(server, b"\x16\x03\x01\x02\x00\x01\r\n\r\n")[0] in (0, 400)
        ready(server)


def origins(options):
    with WebServer(options, "same_origin: true") as server:
        for origin, status in (("http://127.0.0.1:4000", 403), ("http://other.test", 403), ("http://127.0.0.1", 101),
                               ("https://127.0.0.1:80", 403), ("ws://127.0.0.1:80", 403)):
            assert ask(server, request([("Origin", origin)]))[0] == status, origin
        assert ask(server, request())[0] == 101
    with WebServer(options, 'allowed_origins: ["https://a.test", "http://b.test:80"]') as server:
        for origin, status in (("https://a.test", 101), ("https://a.test:443", 101), ("http://a.test", 403), ("http://b.test", 101),
                               ("https://c.test", 403)):
            assert ask(server, request([("Origin", origin)]))[0] == status, origin


def upgrade_byte_by_byte(options):
    with WebServer(options) as server:
        one = connected(server.port)
        for byte in request():
            one.sendall(bytes([byte]))
        status, _, rest = read_answer(one)
        assert status == 101
        if not rest:
            rest = one.recv(10)
        assert rest[0] == 0x82


def data_before_the_answer(options):
    with WebServer(options) as server:
        status, _, body = ask(server, request() + frame(b"CONNECT {}\r\n"))
        assert status in (0, 400) and b"INFO" not in body, (status, body)
        ready(server)


def requests_without_an_end(options):
    only_ours(options, "a limit of 16 KiB, where the other's is 1 MiB")
    with WebServer(options) as server:
        one = connected(server.port)
        with contextlib.suppress(ConnectionError):
            one.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000)
            assert read_answer(one)[0] == 0
        assert server.process.wait_for_log("websocket handshake error: request is too long") is not None, server.process.log
        ready(server)


def who_asks_for_nothing_is_closed(options):
    with WebServer(options, 'handshake_timeout: "500ms"') as server:
        begin = time.monotonic()
        silent, slow = connected(server.port), connected(server.port)
        slow.sendall(request()[:40])
        for one in (silent, slow):
            with contextlib.suppress(ConnectionError):
                got = one.recv(1000)
                # The reference answers some of them by 408.
                assert got == b"" or not is_ours(options), got
        assert 0.4 < time.monotonic() - begin < 5
        ready(server)


# --- frames ---


def frames_cut_anywhere(options):
    with WebServer(options, "compression: true") as server:
        parts = [frame(b"PUB a 5\r\nhel"), frame(b"lo\r", TEXT, last=False), frame(b"here?", PING), frame(b"", 0, last=False),
                 frame(b"\nPUB a 2\r\n", 0), frame(b"hi\r\n", compressed=False)]
        plain = b"".join(parts)
        packed = b"".join([frame(deflate(b"PUB a 5\r\nhello\r\n"), compressed=True),
                           frame(deflate(b"PUB a 2\r\nhi\r\n")[:4], last=False, compressed=True), frame(b"here?", PING),
                           frame(deflate(b"PUB a 2\r\nhi\r\n")[4:], 0)])
        for bytes_, fields in ((plain, ()), (packed, [OFFER])):
            one = ready(server, fields=fields)
            one.send(b"SUB a 1\r\n")
            expected = b"MSG a 1 5\r\nhello\r\nMSG a 1 2\r\nhi\r\n"
            for cut in range(len(bytes_) + 1):
                one.pongs.clear()
                one.socket.sendall(bytes_[:cut])
                if cut % 8 == 0:
                    time.sleep(0.002)
                one.socket.sendall(bytes_[cut:])
                assert one.until(b"hi\r\n") == expected, cut
                one.wait_for_pong(b"here?")
            for byte in bytes_:
                one.socket.sendall(bytes([byte]))
            assert one.until(b"hi\r\n") == expected


def text_binary_and_parts(options):
    with WebServer(options) as server:
        one = ready(server)
        one.send(b"SUB a 1\r\n", opcode=TEXT)
        whole = b"PUB a 200000\r\n" + b"x" * 200_000 + b"\r\n"
        one.send(whole)
        assert one.until(b"x\r\n").endswith(b"x\r\n")
        for size in (1, 125, 126, 1000, 65535, 65536):
            pieces = [whole[at:at + size] for at in range(0, len(whole), size)][:3000]
            if sum(map(len, pieces)) != len(whole):
                continue
            for i, piece in enumerate(pieces):
                one.send(piece, opcode=TEXT if i == 0 else 0, last=i + 1 == len(pieces))
            assert one.until(b"x\r\n") == b"MSG a 1 200000\r\n" + b"x" * 200_000 + b"\r\n", size
        assert all(opcode == BINARY and last for opcode, _, last, _ in one.frames), one.frames


def browsers_get_small_frames(options):
    agent = ("User-Agent", "Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/130.0 Safari/537.36")
    with WebServer(options) as server:
        one = ready(server, fields=[agent])
        echoes(one, b"x" * 100_000)
        assert max(size for _, size, _, _ in one.frames) == 4096, one.frames
        one = ready(server)
        echoes(one, b"x" * 100_000)
        assert max(size for _, size, _, _ in one.frames) > 4096, one.frames


def unmasked_by_agreement(options):
    with WebServer(options) as server:
        one = ready(server, masked=False)
        assert one.answer["nats-no-masking"] == "true"
        echoes(one, b"x" * 70_000)
        # And not otherwise.
        for agreed in (True, False):
            one = ready(server, masked=agreed)
            one.socket.sendall(frame(b"PING\r\n", masked=not agreed))
            text, code = one.rest()
            assert b"PONG" not in text and code in ((1002,) if is_ours(options) else (1002, None)), (text, code)


def pings_are_answered(options):
    with WebServer(options) as server:
        one = ready(server)
        for payload in (b"", b"x", b"x" * 125):
            one.send(payload, opcode=PING)
            one.wait_for_pong(payload)
        one.send(b"unasked", opcode=PONG)
        echoes(one)


def close_is_echoed(options):
    with WebServer(options) as server:
        for payload, code in ((struct.pack(">H", 1000) + b"bye", 1000), (struct.pack(">H", 3456), 3456)):
            one = ready(server)
            one.send(b"SUB a 1\r\n")
            one.send(payload, opcode=CLOSE)
            assert one.rest() == (b"", code)
        # Without a status; the reference's answer has none either.
        one = ready(server)
        one.send(b"", opcode=CLOSE)
        assert one.rest()[1] == (1000 if is_ours(options) else 1005)
        # Gone without a word.
        one = ready(server)
        one.send(b"", opcode=PING)
        one.close()
        ready(server)


def what_is_against_the_rules(options):
    """The reference drops the connection."""
    with WebServer(options, "compression: true") as server:
        other = ready(server)
        for label, bytes_ in {"opcode": frame(b"", 3), "reserved bit": bytes([0xa2]) + frame(b"")[1:],
                              "continuation": frame(b"", 0), "within": frame(b"", last=False) + frame(b""),
                              "long ping": frame(b"x" * 126, PING), "ping in parts": frame(b"", PING, last=False),
                              "compressed": frame(deflate(b"PING\r\n"), compressed=True),
                              "half a status": frame(b"\x03", CLOSE),
                              "length": bytes([0x82, 0xfe, 0, 1]) + MASK + b"x",
                              "too long": bytes([0x82, 0xff]) + b"\xff" * 8 + MASK}.items():
            one = ready(server)
            one.socket.sendall(bytes_)
            if label == "length" and not is_ours(options):
                continue  # it doesn't mind
            one.socket.settimeout(10)
            # Before it waits for as many bytes, the reference may not notice.
            if label == "too long" and not is_ours(options):
                continue
            _, code = one.rest()
            assert code == 1002 or (code is None and not is_ours(options)), (label, code)
        echoes(other)


# --- the protocol's own errors ---


def errors_come_with_a_close(options):
    users = 'authorization { users: [ {user: u, password: p, permissions { publish: "a" } } ], timeout: 2 }\n'
    users += "max_payload: 1000, max_control_line: 1000"
    ours = is_ours(options)

    def ends(one, text, code):
        found, status = one.rest()
        # The reference may drop the connection before it has said all of it.
        assert (status == code and text in found) or (status is None and not ours), (found, status)

    with WebServer(options, outside=users) as server:
        one = Web(server)
        one.send(b'CONNECT {"user":"u","pass":"wrong"}\r\n')
        ends(one, b"-ERR 'Authorization Violation'\r\n", 1008)
        one = Web(server)
        ends(one, b"-ERR 'Authentication Timeout'\r\n", 1008)
        right = ',"user":"u","pass":"p"'
        one = Web(server)
        assert one.log_in(right) == ""
        one.send(b"PUB a 1001\r\n" + b"x" * 1001 + b"\r\n")
        ends(one, b"-ERR 'Maximum Payload Violation'\r\n", 1009)
        for line in (b"PUB " + b"a" * 1001, b"SUB " + b"a" * 1001 + b" 1\r\n"):
            one = Web(server)
            assert one.log_in(right) == ""
            one.send(line)
            ends(one, b"-ERR 'maximum control line exceeded'\r\n", 1008)
        one = Web(server)
        assert one.log_in(right) == ""
        one.send(b"NONSENSE\r\n")
        ends(one, b"-ERR 'Unknown Protocol Operation'\r\n", 1002)
        # One that closes nothing.
        one = Web(server)
        assert one.log_in(right) == ""
        one.send(b"PUB b 0\r\n\r\n")
        assert b"Permissions Violation" in one.until(b"\r\n")
        assert one.log_in(right) == ""


def the_stale_are_closed(options):
    with WebServer(options, 'ping_interval: "200ms"', 'ping_interval: "1m"\nping_max: 1') as server:
        one = ready(server)
        begin = time.monotonic()
        text, code = one.rest()
        assert b"PING\r\n" in text and time.monotonic() - begin < 5
        if is_ours(options) or code:
            assert b"-ERR 'Stale Connection'\r\n" in text and code == 1001, (text, code)
        # By TCP it takes longer.
        other = standard(server)
        other.settimeout(1.0)
        with contextlib.suppress(TimeoutError):
            while b"-ERR" not in other.recv(1000):
                pass
            raise AssertionError("closed")


def the_slow_are_closed_without_a_word(options):
    """A close frame would wait behind all that they don't take."""
    with WebServer(options, outside="max_pending: 1MB, max_payload: 64KB") as server:
        slow, producer = ready(server), ready(server)
        slow.send(b"SUB foo 1\r\nPING\r\n")
        slow.until(b"PONG\r\n")
        message = frame(b"PUB foo 32768\r\n" + b"x" * 32768 + b"\r\n")
        # More than the sockets' buffers hold.
        while "Slow Consumer" not in server.process.log:
            producer.socket.sendall(message * 10)
            producer.send(b"PING\r\n")
            producer.until(b"PONG\r\n")
        text, code = slow.rest()
        assert code is None and b"-ERR" not in text, (text[-100:], code)
        whole = text.count(b"MSG foo 1 32768\r\n" + b"x" * 32768 + b"\r\n")
        assert 0 < whole == len(text) // 32787, (whole, len(text))
        echoes(producer)


def a_shutdown_says_so(options):
    with WebServer(options) as server:
        one = ready(server)
        server.process.signal("TERM")
        _, code = one.rest()
        assert code == 1001 or (code is None and not is_ours(options)), code


# --- compression ---


def compressed_both_ways(options):
    with WebServer(options, "compression: true", ROOM) as server:
        one = ready(server, fields=[OFFER])
        assert one.answer["sec-websocket-extensions"] == ("permessage-deflate; server_no_context_takeover; "
                                                          "client_no_context_takeover")
        one.send(deflate(b"SUB a 1\r\nPING\r\n"), compressed=True)
        one.until(b"PONG\r\n")
        for payload in (b"", b"x", b"x" * 100, b"x" * 1_000_000, random.Random(1).randbytes(200_000)):
            one.frames.clear()
            one.send(deflate(b"PUB a %d\r\n%s\r\n" % (len(payload), payload)), compressed=True)
            expected = b"MSG a 1 %d\r\n%s\r\n" % (len(payload), payload)
            assert one.until(expected) == expected
            if len(payload) >= 100:
                assert one.frames[0][3], one.frames
            if payload == b"x" * 1_000_000:
                assert sum(size for _, size, _, _ in one.frames) < 20_000, one.frames
        # Plain messages among them keep their order.
        bytes_ = b""
        for i in range(500):
            line = b"PUB a 6\r\n%06d\r\n" % i
            bytes_ += frame(line) if i % 3 == 0 else frame(deflate(line), compressed=True)
        one.socket.sendall(bytes_)
        got = one.until(b"000499\r\n")
        assert re.findall(rb"(\d{6})\r\n", got) == [b"%06d" % i for i in range(500)]
        # Nobody else has to.
        assert "sec-websocket-extensions" not in ready(server).answer
    with WebServer(options) as server:
        assert "sec-websocket-extensions" not in ready(server, fields=[OFFER]).answer


def bombs(options):
    with WebServer(options, "compression: true") as server:
        other, packed = ready(server), ready(server, fields=[OFFER])
        z = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = b"".join(z.compress(b"\0" * (1 << 20)) for _ in range(500)) + z.flush(zlib.Z_SYNC_FLUSH)
        before = resident(server)
        for _ in range(20):
            one = ready(server, fields=[OFFER])
            with contextlib.suppress(ConnectionError):
                one.send(bomb[:-4], compressed=True)
            text, code = one.rest()
            assert code == 1009 or (code is None and not is_ours(options)), (text, code)
            echoes(other)
            packed.send(deflate(b"SUB b 1\r\nPUB b 2\r\nhi\r\nUNSUB 1\r\n"), compressed=True)
            assert packed.until(b"hi\r\n").endswith(b"MSG b 1 2\r\nhi\r\n")
        grown = resident(server) - before
        assert grown < (40 << 20) or has_sanitizer(server), grown
        # Damaged ones, likewise.
        one = ready(server, fields=[OFFER])
        one.send(b"\x07\x00\x00", compressed=True)
        _, code = one.rest()
        assert code == 1002 or (code is None and not is_ours(options)), code
        packed.send(deflate(b"PING\r\n"), compressed=True)
        packed.until(b"PONG\r\n")


def many_bombs_at_once(options):
    """Each within the limit."""
    only_ours(options, "the other one unpacks all of them before it goes on")
    with WebServer(options, "compression: true", "max_payload: 1MB") as server:
        other, one = ready(server), ready(server, fields=[OFFER])
        line = b"PUB nobody 1000000\r\n" + b"\0" * 1_000_000 + b"\r\n"
        bomb = frame(deflate(line), compressed=True)
        before = resident(server)
        one.socket.sendall(bomb * 200 + frame(b"PING\r\n"))
        echoes(other)
        one.until(b"PONG\r\n")
        grown = resident(server) - before
        assert grown < (24 << 20) or has_sanitizer(server), grown


TESTS = [upgrade, upgrades_that_are_refused, origins, upgrade_byte_by_byte, data_before_the_answer, requests_without_an_end,
         who_asks_for_nothing_is_closed, frames_cut_anywhere, text_binary_and_parts, browsers_get_small_frames,
         unmasked_by_agreement, pings_are_answered, close_is_echoed, what_is_against_the_rules, errors_come_with_a_close,
         the_stale_are_closed, the_slow_are_closed_without_a_word, a_shutdown_says_so, compressed_both_ways, bombs, many_bombs_at_once]


if __name__ == "__main__":
    sys.exit(run_tests_with_certificates(TESTS, parse(__doc__)))
