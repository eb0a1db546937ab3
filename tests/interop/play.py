#!/usr/bin/env python3
"""Plays transcripts of the client protocol on a server and checks, byte by byte, what comes back.

    play.py --server PATH [--reference PATH | --peers DIR] [--match TEXT] [FILE...]

With --reference every case is played on both programs, and what they sent is compared as well (after replacing what differs
from one start to the next, such as server ids). See README.md for the format of the transcripts.
"""

import argparse
import concurrent.futures
import difflib
import json
import os
import pathlib
import re
import shlex
import socket
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support" / "python"))

from server_process import ServerProcess, StartError, missing_flags  # noqa: E402

CRLF = b"\r\n"
# Values of INFO that belong to one process or one connection; only their types are compared.
OWN_VALUES = {"server_id", "server_name", "version", "go", "git_commit", "port", "client_id", "xkey", "nonce"}
# What nuncio says on purpose in addition; clients ignore keys they do not know.
ADDED_KEYS = {"nuncio"}
DEFAULT_CONNECT = {"verbose": False, "pedantic": False, "echo": True, "tls_required": False, "name": "", "lang": "play",
                   "version": "1", "protocol": 0, "headers": False, "no_responders": False}
CONNECT_INFO = re.compile(rb'INFO \{[^\r\n]*"connect_info":true[^\r\n]*\} \r\n')
KINDS = {"string": str, "int": int, "bool": bool, "list": list}


class Mismatch(Exception):
    """The server did not do what the transcript says."""


class BadTranscript(Exception):
    """The transcript cannot be read."""


# ---------------------------------------------------------------------------------------------- text of a transcript

ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\", "@": b"@", "s": b" "}


def shown(data, limit=600):
    """Bytes as a transcript would write them."""
    if len(data) > limit:
        return f"{shown(data[:limit // 3])} ...({len(data)} bytes)... {shown(data[-limit // 3:])}"
    return "".join(chr(b) if 32 <= b < 127 and b != 92 else {13: "\\r", 10: "\\n", 9: "\\t", 92: "\\\\"}.get(b, f"\\x{b:02x}")
                   for b in data)


class Pattern:
    """Bytes with placeholders: what to send (no placeholders but repeats), or what to expect."""

    def __init__(self, text):
        self.text = text
        self.parts = []  # bytes, or (source text, regular expression)
        literal = bytearray()
        position = 0
        while position < len(text):
            char = text[position]
            if char == "\\":
                code = text[position + 1:position + 2]
                if code == "x":
                    literal += bytes([int(text[position + 2:position + 4], 16)])
                    position += 4
                elif code in ESCAPES:
                    literal += ESCAPES[code]
                    position += 2
                else:
                    raise BadTranscript(f"unknown escape \\{code} in {text!r}")
                continue
            if text.startswith("@{", position):
                end = text.index("}", position)
                body = text[position + 2:end]
                repeat = re.fullmatch(r"(\d+)\*(.+)", body)
                if repeat:
                    literal += Pattern(repeat.group(2)).literal() * int(repeat.group(1))
                else:
                    if literal:
                        self.parts.append(bytes(literal))
                        literal = bytearray()
                    self.parts.append((f"@{{{body}}}", self._expression(body)))
                position = end + 1
                continue
            literal += char.encode()
            position += 1
        if literal:
            self.parts.append(bytes(literal))

    @staticmethod
    def _expression(body):
        if body == "int":
            return rb"[0-9]+"
        if body in ("json", "object"):
            return rb"\{[^\r\n]*\}"
        if body == "token":
            return rb"[^ \t\r\n]+"
        if "|" in body:
            return b"|".join(re.escape(Pattern(choice).literal()) for choice in body.split("|"))
        raise BadTranscript(f"unknown placeholder @{{{body}}}")

    def literal(self):
        if any(not isinstance(part, bytes) for part in self.parts):
            raise BadTranscript(f"placeholders cannot be sent: {self.text}")
        return b"".join(self.parts)

    def plus(self, tail):
        other = Pattern("")
        other.text = self.text
        other.parts = [*self.parts, tail]
        return other

    def match(self, buffer):
        """(end of the match, what the placeholders stand for), or None."""
        if all(isinstance(part, bytes) for part in self.parts):
            whole = b"".join(self.parts)
            return (len(whole), ()) if buffer.startswith(whole) else None
        found = self.expression().match(buffer)
        return (found.end(), found.groups()) if found else None

    def expression(self):
        return re.compile(b"".join(re.escape(part) if isinstance(part, bytes) else b"(" + part[1] + b")" for part in self.parts),
                          re.DOTALL)

    def lead(self):
        return self.parts[0] if self.parts and isinstance(self.parts[0], bytes) else b""

    def name(self):
        return "".join(shown(part) if isinstance(part, bytes) else part[0] for part in self.parts)


INFO = Pattern("INFO @{json} \\r\\n")
LINE = re.compile(r"(?P<name>[a-z]\d?) (?P<sign>>\*\d+|>>|>|<~|<<|<)(?: (?P<text>.*))?$")


class Step:
    """One line: bytes to send or to expect (`sign`, `name`, `text`), or words."""

    def __init__(self, number, words, sign=None, name=None, text=""):
        self.number, self.words, self.sign, self.name, self.text = number, words, sign, name, text


class Case:
    def __init__(self, file, number, title, flags):
        self.file, self.number, self.title, self.flags = file, number, title, flags
        self.steps = []

    @property
    def label(self):
        return f"{self.file.stem}: {self.title}"

    @property
    def alone(self):
        """True if the case needs a server that nobody has used or will use."""
        return "--max_connections" in self.flags or any(s.words[:1] in (["signal"], ["exit"], ["fresh"]) for s in self.steps)

    @property
    def slow(self):
        return any(s.words[:1] in (["clock"], ["wait"]) for s in self.steps)


def read_transcript(file):
    cases, flags, case = [], [], None
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            if line.startswith("== "):
                case = Case(file, number, line[3:].strip(), flags)
                cases.append(case)
            elif line.startswith("server "):
                if case is None:
                    flags = shlex.split(line[7:])
                elif case.steps:
                    raise BadTranscript("`server` must come first")
                else:
                    case.flags = shlex.split(line[7:])
            elif case is None:
                raise BadTranscript("a step before the first `== title`")
            else:
                found = LINE.match(line)
                if found:
                    step = Step(number, [], found["sign"], found["name"], found["text"] or "")
                    Pattern(step.text)
                else:
                    head, _, text = line.partition(" < ")
                    step = Step(number, head.split(), text=text)
                    if not Player.knows(step.words):
                        raise BadTranscript(f"unknown step {line!r}")
                    Pattern(text)
                case.steps.append(step)
        except (BadTranscript, ValueError) as error:
            raise BadTranscript(f"{file}:{number}: {error}") from error
    return cases


# ---------------------------------------------------------------------------------------------------- one connection

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


# ---------------------------------------------------------------------------------------------------------- one case

class Player:
    """Plays the steps of one case on one server."""

    VERBS = {"tcp", "open", "connect", "ping", "nothing", "closed", "cut", "close", "shut", "info", "strict"}

    @classmethod
    def knows(cls, words):
        if words[0] in ("any", "share", "clock", "wait", "signal", "exit", "refused", "fresh"):
            return True
        return len(words) >= 2 and re.fullmatch(r"[a-z]\d?", words[0]) is not None and words[1] in cls.VERBS

    def __init__(self, case, server, timeout):
        self.case, self.server, self.timeout = case, server, timeout
        self.connections = {}
        self.started = time.monotonic()
        self.step = None

    def play(self):
        """Returns (normalised record, problem or None)."""
        problem = None
        try:
            steps = list(self.case.steps)
            while steps:
                self.step = steps.pop(0)
                if self.step.sign == "<~":
                    group = [self.step]
                    while steps and steps[0].sign == "<~" and steps[0].name == self.step.name:
                        group.append(steps.pop(0))
                    self.get(self.step.name).expect_any_order([Pattern(s.text).plus(CRLF) for s in group])
                elif self.step.sign:
                    self.bytes_step(self.step)
                else:
                    self.word_step(self.step.words)
            self.step = None
            for connection in self.connections.values():
                connection.finish()
        except (Mismatch, OSError) as error:
            number = self.step.number if self.step else "end"
            problem = f"{self.case.file.name}:{number}: {error}"
            for connection in self.connections.values():
                if connection.buffer:
                    connection.record.append("(left) " + shown(connection.buffer))
        except (BadTranscript, KeyError, ValueError, IndexError) as error:
            problem = f"{self.case.file.name}:{self.step.number if self.step else 'end'}: bad transcript: {error!r}"
        finally:
            for connection in self.connections.values():
                connection.close()
        record = [f"{name}: {item}" for name, c in sorted(self.connections.items()) for item in c.record]
        return record, problem

    def get(self, name):
        if name not in self.connections:
            raise BadTranscript(f"{name} is not connected")
        return self.connections[name]

    def bytes_step(self, step):
        connection, pattern = self.get(step.name), Pattern(step.text)
        if step.sign == ">":
            connection.send(pattern.literal() + CRLF)
        elif step.sign == ">>":
            connection.send(pattern.literal())
        elif step.sign.startswith(">*"):
            self.send_many(connection, pattern.literal() + CRLF, int(step.sign[2:]))
        elif step.sign == "<":
            connection.expect(pattern.plus(CRLF))
        else:
            connection.expect(pattern)

    @staticmethod
    def send_many(connection, data, count):
        batch = max(1, 65536 // len(data))
        while count > 0:
            connection.send(data * min(batch, count))
            count -= batch

    def word_step(self, words):
        if words[0] in ("any", "share"):
            return self.one_of(words)
        if words[0] == "clock":
            return self.clock(words[1:])
        if words[0] == "wait":
            return time.sleep(float(words[1]))
        if words[0] == "signal":
            return self.server.signal(words[1])
        if words[0] == "exit":
            code = self.server.wait(self.timeout)
            if code != int(words[1]):
                raise Mismatch(f"expected the server to end with {words[1]}, got {code}")
            return None
        if words[0] == "refused":
            return self.refused()
        if words[0] == "fresh":
            return None
        name, verb, rest = words[0], words[1], words[2:]
        if verb in ("tcp", "open", "connect"):
            return self.open(name, verb, rest)
        connection = self.get(name)
        if verb in ("ping", "nothing"):
            connection.ping()
            connection.record.append("(nothing)" if verb == "nothing" else "PONG")
        elif verb == "closed":
            connection.expect_closed()
        elif verb == "cut":
            amount = connection.expect_cut()
            if rest and amount >= int(rest[0]):
                raise Mismatch(f"{name}: {amount} bytes came before the end, less than {rest[0]} expected")
        elif verb == "close":
            connection.close()
        elif verb == "shut":
            connection.socket.shutdown(socket.SHUT_WR)
        elif verb == "strict":
            connection.hide_pings = False
        elif verb == "info":
            self.info(connection, rest)
        return None

    def open(self, name, verb, rest):
        options = dict(word.split("=", 1) for word in rest)
        receive_buffer = options.pop("rcvbuf", None)
        if name in self.connections:
            self.connections[name].close()
        connection = Connection(name, self.server, self.timeout, int(receive_buffer) if receive_buffer else None)
        self.connections[name] = connection
        if verb == "tcp":
            return
        connection.expect(INFO)
        connection.record[-1] = "INFO"  # what is in it is compared where a case reads it itself
        connection.connected = True
        if verb == "open":
            return
        settings = {**DEFAULT_CONNECT, **{key: json.loads(value) for key, value in options.items()}}
        connection.send(b"CONNECT " + json.dumps(settings, separators=(",", ":")).encode() + CRLF + b"PING\r\n")
        if settings["verbose"]:
            connection.expect(Pattern("+OK\\r\\n"))
        connection.expect(Pattern("PONG\\r\\n"))
        if settings["protocol"] == 1:
            connection.expect(INFO)
            connection.record[-1] = "INFO"

    def refused(self):
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                socket.create_connection((self.server.host, self.server.port), self.timeout).close()
            except ConnectionRefusedError:
                return
            if time.monotonic() > deadline:
                raise Mismatch("expected that the server takes no more connections, but it does")
            time.sleep(0.02)

    def info(self, connection, rest):
        """`info KEY TYPE [VALUE]`, `info KEY absent`, `info KEY match REGEX`."""
        key, kind, value = rest[0], rest[1], " ".join(rest[2:])
        info = connection.info or {}
        if kind == "absent":
            if key in info:
                raise Mismatch(f"{connection.name}: INFO has {key}: {info[key]!r}, expected none")
            return
        if key not in info:
            raise Mismatch(f"{connection.name}: INFO has no {key}: {json.dumps(info)}")
        if kind == "match":
            if not isinstance(info[key], str) or not re.fullmatch(value, info[key]):
                raise Mismatch(f"{connection.name}: {key} in INFO is {info[key]!r}, expected to match {value}")
            return
        if type(info[key]) is not KINDS[kind]:
            raise Mismatch(f"{connection.name}: {key} in INFO is {info[key]!r}, expected {kind}")
        if value and json.dumps(info[key]) != value:
            raise Mismatch(f"{connection.name}: {key} in INFO is {json.dumps(info[key])}, expected {value}")

    def clock(self, rest):
        if not rest:
            self.started = time.monotonic()
            return
        low, high = map(float, rest[0].split("..", 1))
        passed = time.monotonic() - self.started
        if not low <= passed <= high:
            raise Mismatch(f"took {passed:.2f} s, expected {low} to {high} s")

    def one_of(self, words):
        """`any a b < TEXT`: exactly one of them gets it. `share N a b < TEXT`: together they get it N times, nobody nothing.

        A placeholder of alternatives counts as that many receivers, so `share 100 a < MSG q @{1|2} 1` wants both sids used.
        """
        total = 1 if words[0] == "any" else int(words[1])
        names = words[1:] if words[0] == "any" else words[2:]
        pattern = Pattern(self.step.text).plus(CRLF)
        choices = [len(p[0].split("|")) for p in pattern.parts if not isinstance(p, bytes) and "|" in p[0]]
        receivers = len(names)
        for choice in choices:
            receivers *= choice
        seen = {}
        deadline = time.monotonic() + self.timeout
        group = [self.get(name) for name in names]
        while sum(seen.values()) < total:
            for connection in group:
                connection.skip_ping(deadline, pattern.lead())
                while sum(seen.values()) < total:
                    found = pattern.match(connection.buffer)
                    if not found:
                        break
                    key = (connection.name, found[1])
                    seen[key] = seen.get(key, 0) + 1
                    del connection.buffer[:found[0]]
            if sum(seen.values()) < total:
                for connection in group:
                    connection.receive(min(deadline, time.monotonic() + 0.05))
                if time.monotonic() > deadline:
                    left = "; ".join(f"{c.name} holds {shown(c.buffer) or 'nothing'}" for c in group)
                    raise Mismatch(f"expected {total} x {pattern.name()} among {', '.join(names)}; got {sum(seen.values())}; {left}")
        for connection in group:
            connection.ping()
        if words[0] == "share" and len(seen) != receivers:
            raise Mismatch(f"expected {receivers} receivers of {total} messages, but these got them: {seen}")
        for connection in group:
            connection.record.append(f"({' '.join(words)}) {pattern.name()}")


# -------------------------------------------------------------------------------------------------------- many cases

class Servers:
    """Servers to play on. One that served a case without trouble serves the next one with the same flags."""

    def __init__(self):
        self.lock = threading.Lock()
        self.idle = {}
        self.all = []

    def acquire(self, path, flags, alone):
        key = (path, tuple(flags))
        with self.lock:
            if not alone and self.idle.get(key):
                return self.idle[key].pop()
            server = ServerProcess(path, flags)
            self.all.append(server)
        return server.start()

    def release(self, server, reusable):
        if reusable and server.alive():
            with self.lock:
                self.idle.setdefault((server.path, tuple(server.arguments)), []).append(server)
        else:
            server.stop()

    def stop(self):
        for server in self.all:
            server.stop()


def play_case(servers, path, case, timeout):
    try:
        server = servers.acquire(path, case.flags, case.alone)
    except (StartError, OSError) as error:
        return [], f"{case.file.name}:{case.number}: {error}"
    record, problem = [], "stopped"
    log_start = len(server.log)
    expected_to_end = any(s.words[:1] == ["signal"] for s in case.steps)
    try:
        record, problem = Player(case, server, timeout).play()
        if not server.alive() and not expected_to_end:
            problem = f"{problem or case.label}\nthe server ended with {server.wait()}"
        if problem:
            log = server.log[log_start:].splitlines()[-8:]
            problem += "".join(f"\n    server log: {line}" for line in log)
    finally:
        servers.release(server, problem is None and not case.alone)
    return record, problem


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="program under test")
    parser.add_argument("--reference", help="program to compare with")
    parser.add_argument("--peers", help="folder whose nats-server, if there, is the reference (else NUNCIO_PEERS)")
    parser.add_argument("--default-peers", help="such a folder if neither --peers nor NUNCIO_PEERS names one")
    parser.add_argument("--match", help="only cases whose label contains this text")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for one expected thing")
    parser.add_argument("--jobs", type=int, default=6, help="cases played at the same time")
    parser.add_argument("--list", action="store_true", help="only name the cases")
    parser.add_argument("-v", "--verbose", action="store_true", help="name the cases that pass as well")
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="transcripts; all of them if none is named")
    options = parser.parse_args()

    reference = options.reference
    peers = options.peers or os.environ.get("NUNCIO_PEERS") or options.default_peers
    if reference is None and peers:
        reference = os.path.join(peers, "nats-server")
    if reference and not os.access(reference, os.X_OK):
        print(f"no reference: {reference} is not there; checking only against what the transcripts say")
        reference = None

    try:
        cases = [case for file in options.files or sorted((HERE / "transcripts").glob("*.txt")) for case in read_transcript(file)]
    except BadTranscript as error:
        print(error)
        return 2
    if options.match:
        cases = [case for case in cases if options.match in case.label]
    if options.list:
        print("\n".join(f"{case.file.name}:{case.number}: {case.title}" for case in cases))
        return 0
    if not cases:
        print("no cases")
        return 2

    begin = time.monotonic()
    servers = Servers()
    paths = [options.server] + ([reference] if reference else [])
    for path in paths:
        try:
            servers.release(servers.acquire(path, [], False), True)
        except (StartError, OSError) as error:
            print(f"{path} does not start: {error}")
            return 2
    skipped = 0
    for case in list(cases):
        for path in paths:
            missing = missing_flags(path, case.flags)
            if missing:
                print(f"SKIP {case.label}: {path} does not take {' '.join(missing)}")
                cases.remove(case)
                skipped += 1
                break
    # Cases that wait for timers go first and do not take the place of others.
    slow = [case for case in cases if case.slow]
    quick = [case for case in cases if not case.slow]
    failures = 0
    try:
        with concurrent.futures.ThreadPoolExecutor(max(1, len(slow) * len(paths))) as waiting, \
                concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            runs = {(case, path): waiting.submit(play_case, servers, path, case, options.timeout) for case in slow for path in paths}
            runs |= {(case, path): pool.submit(play_case, servers, path, case, options.timeout) for case in quick for path in paths}
            for case in cases:
                results = [runs[case, path].result() for path in paths]
                failures += report(case, paths, results, options.verbose)
    finally:
        servers.stop()
    print(f"{len(cases)} cases, {failures} failed, {skipped} skipped, {time.monotonic() - begin:.1f} s"
          + (f", compared with {reference}" if reference else ""))
    return 1 if failures else 0


def report(case, paths, results, verbose):
    """Prints what went wrong with one case; 1 if it failed."""
    bad = False
    for path, (_, problem) in zip(paths, results):
        if problem:
            if not bad:
                print(f"FAIL {case.label}")
            bad = True
            print(f"  {path}\n    " + problem.replace("\n", "\n    "))
    if len(results) == 2 and results[0][0] != results[1][0]:
        if not bad:
            print(f"FAIL {case.label}")
        bad = True
        for line in difflib.unified_diff(results[1][0], results[0][0], "reference", "server", lineterm="", n=2):
            print("    " + line)
    if not bad and verbose:
        print(f"ok   {case.label}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
