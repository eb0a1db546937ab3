"""What the tests of WebSocket share: a server with it, and a client by hand."""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import re
import socket
import ssl
import struct
import tempfile
import time
import zlib

from certificates import WORLD
from real_clients import ServerProcess, Skip
from server_process import takes_flag

# A compressed message may hold no more than max_payload when it is unpacked, and the client packs whole protocol lines.
ROOM = "max_payload: 2MB\nmax_pending: 64MB"
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


class WebServer:
    """A server with a WebSocket listener. Its port is in the ports file, as nats-server writes it."""

    def __init__(self, options, inside: str = "", outside: str = "", *, secure: bool = False, port: int = -1):
        self.folder = tempfile.TemporaryDirectory(prefix="websocket-")
        security = f"tls {{ {WORLD.files()} }}" if secure else "no_tls: true"
        config = f"{outside}\nwebsocket {{\n  host: 127.0.0.1\n  port: {port}\n  {security}\n  {inside}\n}}\n"
        self.process = ServerProcess(options.server, ["--ports_file_dir", self.folder.name], config=config)
        self.url = ""

    def __enter__(self) -> "WebServer":
        try:
            self.process.start()
            assert self.process.wait_for_log("Server is ready") is not None, self.process.log
            self.url = self._find_url()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.process.stop()
        self.folder.cleanup()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def _find_url(self) -> str:
        name = f"{os.path.basename(self.process.path)}_{self.process.pid}.ports"
        file = pathlib.Path(self.folder.name, name)
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(FileNotFoundError, ValueError):
                return json.loads(file.read_text(encoding="utf-8"))["websocket"][0]
            assert time.monotonic() < deadline, f"{name} does not come; the log:\n{self.process.log}"
            time.sleep(0.01)


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


def trusting(pair=None):
    context = ssl.create_default_context(cafile=WORLD.ca.file)
    if pair:
        context.load_cert_chain(*pair)
    return context
