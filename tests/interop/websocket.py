#!/usr/bin/env python3
"""WebSocket of a server, byte by byte: requests, frames, compression, and what becomes of clients that misbehave.

    websocket.py --server PATH [--peers DIR]

All of it passes against nats-server, too, but for what says so.
"""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time
import zlib

import websocket_js
from real_clients import Skip, parse, run_tests, wait_until
from server_process import takes_flag
from websocket_js import WebServer

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = base64.b64encode(hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
OFFER = ("Sec-WebSocket-Extensions", "permessage-deflate")
NO_MASKING = ("Nats-No-Masking", "true")


def is_ours(options):
    return takes_flag(options.server, "--shards")


def only_ours(options, why):
    if not is_ours(options):
        raise Skip(f"only of nuncio-server: {why}")


# --- a client by hand ---


def request(fields=(), first="GET / HTTP/1.1", leave_out=()):
    usual = {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": KEY}
    usual.update(dict(fields))
    return (first + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in usual.items() if name not in leave_out)
            + "\r\n").encode()


def frame(payload, opcode=BINARY, last=True, compressed=False, masked=True):
    head = bytes([(0x80 if last else 0) | (0x40 if compressed else 0) | opcode])
    bit, size = (0x80 if masked else 0), len(payload)
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    key = (MASK * (size // 4 + 1))[:size]
    return head + MASK + (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def deflate(payload):
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (z.compress(payload) + z.flush(zlib.Z_SYNC_FLUSH))[:-4]


def connected(port, context=None):
    one = socket.create_connection(("127.0.0.1", port), timeout=20)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(one, server_hostname="localhost") if context else one


def read_answer(one):
    got = b""
    while b"\r\n\r\n" not in got:
        more = one.recv(4096)
        if not more:
            break
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    status = int(lines[0].split()[1]) if lines[0] else 0
    return status, fields, body


class Web:
    """A client by WebSocket."""

    def __init__(self, server, *, fields=(), masked=True, context=None, path="/"):
        self.masked = masked
        self.socket = connected(server.port, context)
        self.socket.sendall(request([*fields, *([] if masked else [NO_MASKING])], f"GET {path} HTTP/1.1"))
        status, self.answer, self.bytes = read_answer(self.socket)
        assert status == 101, status
        self.text = b""    # of messages, not looked at yet
        self.frames = []   # (opcode, size of the payload, is the last one, is compressed)
        self.packed = None
        self.pongs = []
        self.code = None   # that it was closed with
        self.info = json.loads(self.until(b"\r\n")[5:])

    def send(self, payload, **how):
        self.socket.sendall(frame(payload, masked=self.masked, **how))

    def _take_frame(self):
        """The next one; false once there is none."""
        def need(size):
            while len(self.bytes) < size:
                try:
                    more = self.socket.recv(262144)
                except (ConnectionError, ssl.SSLError):
                    more = b""
                if not more:
                    return False
                self.bytes += more
            return True
        if not need(2):
            return False
        first, size, at = self.bytes[0], self.bytes[1], 2
        assert size < 128, "a server doesn't mask"
        if size == 126:
            if not need(4):
                return False
            size, at = struct.unpack(">H", self.bytes[2:4])[0], 4
        elif size == 127:
            if not need(10):
                return False
            size, at = struct.unpack(">Q", self.bytes[2:10])[0], 10
        if not need(at + size):
            return False
        payload, self.bytes = self.bytes[at:at + size], self.bytes[at + size:]
        self._take(first & 15, payload, bool(first & 0x80), bool(first & 0x40))
        return True

    def _take(self, opcode, payload, last, compressed):
        assert self.code is None, "something follows a close"
        self.frames.append((opcode, len(payload), last, compressed))
        if opcode == CLOSE:
            self.code = struct.unpack(">H", payload[:2])[0] if payload else 1005  # which stands for none
        elif opcode == PONG:
            self.pongs.append(payload)
        elif opcode == PING:
            self.send(payload, opcode=PONG)
        elif compressed or self.packed is not None:
            self.packed = (self.packed or b"") + payload
            if last:
                self.text += zlib.decompressobj(-15).decompress(self.packed + b"\x00\x00\xff\xff")
                self.packed = None
        else:
            self.text += payload

    def until(self, what):
        """The text up to there."""
        searched = 0
        while True:
            at = self.text.find(what, max(0, searched - len(what)))
            if at >= 0:
                break
            searched = len(self.text)
            assert self._take_frame(), (self.text[-200:], self.code)
        at += len(what)
        out, self.text = self.text[:at], self.text[at:]
        return out

    def rest(self):
        """All until the end, and the status of the close."""
        while self._take_frame():
            pass
        out, self.text = self.text, b""
        return out, self.code

    def wait_for_pong(self, payload):
        while payload not in self.pongs:
            assert self._take_frame(), (self.text[-200:], self.code)

    def log_in(self, more="", verbose="false"):
        """The error, or nothing."""
        self.send(b'CONNECT {"verbose":%s%s}\r\nPING\r\n' % (verbose.encode(), more.encode()))
        while b"PONG\r\n" not in self.text and b"-ERR" not in self.text:
            if not self._take_frame():
                return "closed"
        if b"-ERR" in self.text:
            return re.search(rb"-ERR '(.*?)'", self.until(b"\r\n"))[1].decode()
        self.until(b"PONG\r\n")
        return ""

    def close(self):
        self.socket.close()


def standard(server, more=""):
    """A client by TCP."""
    one = connected(server.process.port)
    one.sendall(b'CONNECT {"verbose":false%s}\r\nPING\r\n' % more.encode())
    until(one, b"PONG\r\n")
    return one


def until(one, what):
    got = b""
    while what not in got:
        more = one.recv(262144)
        assert more, got[-200:]
        got += more
    return got


def ready(server, **how):
    one = Web(server, **how)
    assert one.log_in() == ""
    return one


def echoes(one, payload=b"hi"):
    one.send(b"SUB own 1\r\nPUB own %d\r\n%s\r\nUNSUB 1\r\n" % (len(payload), payload))
    # The server may have sent a PING.
    assert one.until(payload + b"\r\n").endswith(b"MSG own 1 %d\r\n%s\r\n" % (len(payload), payload))


def ask(server, bytes_):
    with connected(server.port) as one:
        one.sendall(bytes_)
        return read_answer(one)


def has_sanitizer(server):
    return b"__asan_init" in (binary := pathlib.Path(server.process.path).read_bytes()) or b"__tsan_init" in binary


def resident(server):
    text = pathlib.Path(f"/proc/{server.process.pid}/statm").read_text()
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


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
        for origin, status in (("http://127.0.0.1:4000", 403), ("http://other.test", 403), ("http://127.0.0.1", 101)):
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
    with WebServer(options, "compression: true", websocket_js.ROOM) as server:
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


def trusting(pair=None):
    context = ssl.create_default_context(cafile=websocket_js.WORLD.ca.file)
    if pair:
        context.load_cert_chain(*pair)
    return context


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
    ca = websocket_js.WORLD.ca
    known = ca.sign("known", "/CN=known", "email:a@b.test")
    bare = ca.sign("stranger", "/CN=other")
    tls = (f'tls {{ cert_file: "{websocket_js.WORLD.certificate}", key_file: "{websocket_js.WORLD.key}", ca_file: "{ca.file}",'
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


def reload_of_tls(options):
    only_ours(options, "the other one takes no change of it")
    world = websocket_js.WORLD
    other = world.ca.sign("renewed", "/CN=renewed", "IP:127.0.0.1,DNS:localhost")

    def tls(pair):
        return f'port: -1, tls {{ cert_file: "{pair[0]}", key_file: "{pair[1]}" }}'

    def name(one):
        return dict(pair[0] for pair in one.socket.getpeercert()["subject"])["commonName"]

    with Editable(options, tls((world.certificate, world.key))) as server:
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


TESTS = [upgrade, upgrades_that_are_refused, origins, upgrade_byte_by_byte, data_before_the_answer, requests_without_an_end,
         who_asks_for_nothing_is_closed, frames_cut_anywhere, text_binary_and_parts, browsers_get_small_frames,
         unmasked_by_agreement, pings_are_answered, close_is_echoed, what_is_against_the_rules, errors_come_with_a_close,
         the_stale_are_closed, the_slow_are_closed_without_a_word, a_shutdown_says_so, compressed_both_ways, bombs,
         many_bombs_at_once, cookies_say_who, users_of_its_own, connection_types, forwarded_addresses_in_the_log,
         info_is_that_of_websocket, connections_are_counted_together, over_tls, clients_certificates, lame_ducks, reload_of_options, reload_of_tls,
         files_and_log, both_kinds_hear_each_other_in_order, idle_connections_are_small]


def main():
    options = parse(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        websocket_js.WORLD = websocket_js.World(folder)
        return run_tests(TESTS, options)


if __name__ == "__main__":
    sys.exit(main())
