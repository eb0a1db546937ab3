"""The text of a transcript: cases, steps, and patterns of bytes."""

import re
import shlex


class Mismatch(Exception):
    """The server did not do what the transcript says."""


class BadTranscript(Exception):
    """The transcript cannot be read."""


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


LINE = re.compile(r"(?P<name>[a-z]\d?) (?P<sign>>\*\d+|>>|>|<~|<<|<)(?: (?P<text>.*))?$")


class Step:
    """One line: bytes to send or to expect (`sign`, `name`, `text`), or words."""

    def __init__(self, number, words, sign=None, name=None, text=""):
        self.number, self.words, self.sign, self.name, self.text = number, words, sign, name, text


class Case:
    def __init__(self, file, number, title, flags, config):
        self.file, self.number, self.title, self.flags, self.config = file, number, title, flags, config
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


COMMANDS = {"any", "share", "tally", "clock", "wait", "signal", "exit", "refused", "fresh"}
CONNECTION_COMMANDS = {"tcp", "open", "connect", "ping", "nothing", "closed", "cut", "close", "shut", "info", "strict"}


def knows_command(words):
    """True if a step may begin like this: a command, or a connection (a letter) and what it does."""
    if words[0] in COMMANDS:
        return True
    return len(words) >= 2 and re.fullmatch(r"[a-z]\d?", words[0]) is not None and words[1] in CONNECTION_COMMANDS


def read_transcript(file):
    cases, flags, config, case = [], [], "", None
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            if line.startswith("== "):
                case = Case(file, number, line[3:].strip(), flags, config)
                cases.append(case)
            elif line.startswith("server "):
                if case is None:
                    flags = shlex.split(line[7:])
                elif case.steps:
                    raise BadTranscript("`server` must come first")
                else:
                    case.flags = shlex.split(line[7:])
            elif line.startswith("config "):
                if case is None:
                    config += line[7:] + "\n"
                elif case.steps:
                    raise BadTranscript("`config` must come first")
                else:
                    # The first line of a case begins a file of its own.
                    case.config = ("" if case.config is config else case.config) + line[7:] + "\n"
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
                    if not knows_command(step.words):
                        raise BadTranscript(f"unknown step {line!r}")
                    Pattern(text)
                case.steps.append(step)
        except (BadTranscript, ValueError) as error:
            raise BadTranscript(f"{file}:{number}: {error}") from error
    return cases
