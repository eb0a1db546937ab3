"""Plays the steps of one case on one server."""

import json
import re
import socket
import time

from .connection import Connection
from .transcript import BadTranscript, Mismatch, Pattern, shown

CRLF = b"\r\n"
DEFAULT_CONNECT = {"verbose": False, "pedantic": False, "echo": True, "tls_required": False, "name": "", "lang": "play",
                   "version": "1", "protocol": 0, "headers": False, "no_responders": False}
KINDS = {"string": str, "int": int, "bool": bool, "list": list}
INFO = Pattern("INFO @{json} \\r\\n")


class Player:
    """Plays the steps of one case on one server."""

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
        if words[0] == "tally":
            return self.tally(words[1:])
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

    def tally(self, words):
        """`tally LOW..HIGH ... a < TEXT`: until a PONG, a gets the text so often with each alternative of its only placeholder."""
        ranges = [tuple(map(int, word.split("..", 1))) for word in words[:-1]]
        connection = self.get(words[-1])
        pattern = Pattern(self.step.text).plus(CRLF)
        [alternatives] = [part[0][2:-1].split("|") for part in pattern.parts if not isinstance(part, bytes)]
        if len(alternatives) != len(ranges):
            raise BadTranscript(f"{len(ranges)} ranges for {len(alternatives)} alternatives")
        seen = dict.fromkeys(alternatives, 0)
        connection.send(b"PING\r\n")
        deadline = time.monotonic() + self.timeout
        while not connection.buffer.startswith(b"PONG\r\n"):
            found = pattern.match(connection.buffer)
            if found:
                seen[found[1][0].decode()] += 1
                del connection.buffer[:found[0]]
            elif not connection.receive(deadline):
                connection.fail(pattern.name())
        connection.take(Pattern("PONG\\r\\n"))
        if not all(low <= seen[each] <= high for each, (low, high) in zip(alternatives, ranges)):
            raise Mismatch(f"{connection.name}: expected {' '.join(words[:-1])} x {pattern.name()}, got {seen}")
        connection.record.append(f"({' '.join(words)}) {pattern.name()}")

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
