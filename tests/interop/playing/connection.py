"""One connection of a case: sends, and compares what comes."""

import json
import re
import socket
import time

from .transcript import Mismatch, Pattern, shown

# Values of INFO that belong to one process or one connection; only their types are compared.
OWN_VALUES = {"server_id", "server_name", "version", "go", "git_commit", "port", "client_id", "xkey", "nonce"}
# What nuncio says on purpose in addition; clients ignore keys they do not know.
ADDED_KEYS = {"nuncio"}
CONNECT_INFO = re.compile(rb'INFO \{[^\r\n]*"connect_info":true[^\r\n]*\} \r\n')


class Connection:
    def __init__(self, name, server, timeout, receive_buffer=None):
        self.name, self.timeout = name, timeout
        self.record = []  # what came, normalised
        self.buffer = bytearray()
        self.info = None
        self.ended = False
        self.closed_by_us = False
        self.connected = False
        self.hide_pings = True
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect((server.host, server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        try:
            self.socket.settimeout(self.timeout)
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what the server sent before it closed is still to be read
        except TimeoutError as error:
            raise Mismatch(f"{self.name}: the server does not read what is sent to it") from error

    def receive(self, deadline):
        """Reads more into the buffer; False at the end of the stream or when the time is over."""
        if self.ended:
            return False
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 18)
        except TimeoutError:
            return False
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return False
        self.buffer += data
        return True

    def skip_ping(self, deadline, lead):
        """The first PING of the server comes when it likes; answers it wherever the transcript does not wait for it."""
        while self.hide_pings and not lead.startswith(b"PING") and self.buffer and b"PING\r\n".startswith(bytes(self.buffer[:6])):
            if len(self.buffer) >= 6:
                del self.buffer[:6]
                self.send(b"PONG\r\n")
            elif not self.receive(deadline):
                break

    def take(self, pattern, timeout=None):
        """Waits for the pattern as the next bytes and returns the match."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        lead = pattern.lead()
        while True:
            self.skip_ping(deadline, lead)
            found = pattern.match(self.buffer)
            if found:
                del self.buffer[:found[0]]
                return found[1]
            common = min(len(lead), len(self.buffer))
            if self.buffer[:common] != lead[:common] or not self.receive(deadline):
                self.fail(pattern.name())

    def fail(self, expected):
        self.receive(time.monotonic() + 0.2)
        got = shown(self.buffer)
        if self.ended:
            got += " (closed)" if got else "the connection was closed"
        raise Mismatch(f"{self.name}: expected {expected}\n{' ' * len(self.name)}       got {got or 'nothing'}")

    def expect(self, pattern):
        groups = self.take(pattern)
        placeholders = [part[0] for part in pattern.parts if not isinstance(part, bytes)]
        if "@{json}" in placeholders:
            self.note_info(groups[placeholders.index("@{json}")])
        else:
            self.record.append(pattern.name())

    def note_info(self, text):
        try:
            self.info = json.loads(text)
        except ValueError as error:
            raise Mismatch(f"{self.name}: INFO is not JSON: {shown(text)}") from error
        normal = {k: f"<{type(v).__name__}>" if k in OWN_VALUES else v for k, v in sorted(self.info.items())
                  if k not in ADDED_KEYS}
        self.record.append("INFO " + json.dumps(normal))

    def expect_any_order(self, patterns):
        """Each of the patterns once, in whatever order."""
        deadline = time.monotonic() + self.timeout
        waiting = list(patterns)
        while waiting:
            self.skip_ping(deadline, waiting[0].lead())
            found = next((p for p in waiting if p.match(self.buffer)), None)
            if found is not None:
                del self.buffer[:found.match(self.buffer)[0]]
                waiting.remove(found)
            elif not self.receive(deadline):
                self.fail(" or ".join(p.name() for p in waiting))
        self.record += sorted(p.name() for p in patterns)

    def ping(self):
        self.send(b"PING\r\n")
        self.take(Pattern("PONG\\r\\n"))

    def expect_closed(self):
        deadline = time.monotonic() + self.timeout
        while self.receive(deadline):
            pass
        self.skip_ping(deadline, b"")
        if self.buffer:
            self.fail("nothing more, and the connection closed")
        if not self.ended:
            raise Mismatch(f"{self.name}: expected the connection closed, but it is open")
        self.record.append("(closed)")
        self.close()

    def expect_cut(self):
        """Closed in the middle of a stream of messages, without an error line."""
        deadline = time.monotonic() + self.timeout
        amount, tail = 0, b""
        while self.receive(deadline):
            amount += len(self.buffer)
            tail = (tail + bytes(self.buffer))[-256:]
            self.buffer.clear()
        if not self.ended:
            raise Mismatch(f"{self.name}: expected the connection closed, but it is open ({amount} bytes came)")
        if b"-ERR" in tail:
            raise Mismatch(f"{self.name}: closed with an error line: {shown(tail)}")
        self.record.append("(cut)")
        self.close()
        return amount

    def finish(self):
        """Proves that nothing unexpected is left: a last PING, then the end of the stream."""
        if self.closed_by_us:
            return
        if self.connected:
            self.ping()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        deadline = time.monotonic() + self.timeout
        while self.receive(deadline):
            pass
        self.skip_ping(deadline, b"")
        if CONNECT_INFO.fullmatch(self.buffer):
            self.buffer.clear()  # that PONG was the first one
        if self.buffer:
            raise Mismatch(f"{self.name}: more came than the transcript says: {shown(self.buffer)}")
        if not self.ended:
            raise Mismatch(f"{self.name}: the server keeps the connection after the client ended it")
        self.close()

    def close(self):
        self.closed_by_us = True
        self.socket.close()
