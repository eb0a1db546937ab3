"""Starts and stops one broker process for a test.

    with ServerProcess(path, ["--max_payload", "1024"]) as server:
        connect(server.host, server.port)

The server picks its own port; it is read from the line `Listening for client connections on H:P` on stderr.
Works for every program that speaks nats-server's command line. Limits that only nuncio takes as flags are handed to other
servers in a generated configuration file.
"""

import os
import re
import signal
import subprocess
import tempfile
import threading

SKIPPED = 77  # exit code that ctest counts as "skipped"

LISTENING_TEXT = "Listening for client connections on "
LISTENING = re.compile(LISTENING_TEXT + r"(\S+):(\d+)\s*$")

# Flag -> configuration key and whether the value is a duration in seconds.
LIMIT_FLAGS = {
    "--max_payload": ("max_payload", False),
    "--max_pending": ("max_pending", False),
    "--max_control_line": ("max_control_line", False),
    "--max_connections": ("max_connections", False),
    "--max_subscriptions": ("max_subscriptions", False),
    "--ping_interval": ("ping_interval", True),
    "--ping_max": ("ping_max", False),
    "--write_deadline": ("write_deadline", True),
    "--lame_duck_duration": ("lame_duck_duration", True),
    "--lame_duck_grace_period": ("lame_duck_grace_period", True),
}


class StartError(RuntimeError):
    """The server ended, or said nothing, before it was ready."""


def with_unit(value):
    """`5` -> `5s`; a value that has a unit already is kept."""
    return value if re.search(r"[a-z]", value) else value + "s"


def split_limits(arguments):
    """Takes the limit flags out of a list of arguments: (limits, others). Values follow as `--flag value` or `--flag=value`."""
    limits, others = {}, []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name not in LIMIT_FLAGS:
            others.append(word)
            continue
        if not equals:
            value = rest.pop(0)
        limits[name] = value
    return limits, others


_helps = {}
_helps_lock = threading.Lock()


def help_text(path):
    """What `--help` prints; asked once per program."""
    with _helps_lock:
        if path not in _helps:
            done = subprocess.run([path, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=30, check=False)
            _helps[path] = done.stdout.decode("utf-8", "replace")
        return _helps[path]


def takes_flag(path, flag):
    """True if the program's --help names the flag."""
    return re.search(r"(?<![\w-])" + re.escape(flag) + r"(?![\w-])", help_text(path)) is not None


def missing_flags(path, arguments):
    """Those of the flags that the program's --help does not name, counting `-c` for limits that need a configuration file."""
    limits, others = split_limits(arguments)
    missing = [word.partition("=")[0] for word in others
               if re.match(r"--?[A-Za-z]", word) and not takes_flag(path, word.partition("=")[0])]
    if not takes_flag(path, "-c"):
        missing += [flag for flag in limits if not takes_flag(path, flag)]
    return missing


class ServerProcess:
    """One running broker. `arguments` may hold the flags of LIMIT_FLAGS, whatever the program is."""

    def __init__(self, path, arguments=(), *, host="127.0.0.1", port=-1, config=None, environment=None, timeout=20.0):
        self.path = path
        self.arguments = list(arguments)
        self.config = config
        self.environment = environment
        self.timeout = timeout
        self.host = host
        self.port = port
        self.process = None
        self.lines = []
        self._directory = None
        self._reader = None
        self._event = threading.Condition()
        self._ended = False

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"nats://{self.host}:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        """Everything written to stderr so far."""
        with self._event:
            return "".join(self.lines)

    def command(self):
        """The whole command line; writes the configuration file if one is needed."""
        limits, others = split_limits(self.arguments)
        command = [self.path, "-a", self.host, "-p", str(self.port), *others]
        settings = "" if self.config is None else self.config.rstrip("\n") + "\n"
        for flag, value in limits.items():
            key, is_duration = LIMIT_FLAGS[flag]
            value = with_unit(value) if is_duration else value
            if takes_flag(self.path, flag):
                command += [flag, value]
            else:
                settings += f'{key}: "{value}"\n' if is_duration else f"{key}: {value}\n"
        if settings:
            self._directory = tempfile.TemporaryDirectory(prefix="server-")
            name = os.path.join(self._directory.name, "server.conf")
            with open(name, "w", encoding="utf-8") as file:
                file.write(settings)
            command += ["-c", name]
        return command

    def append(self, text):
        """Adds a line to the configuration file, for a reload."""
        with open(os.path.join(self._directory.name, "server.conf"), "a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")

    def start(self):
        environment = None if self.environment is None else {**os.environ, **self.environment}
        try:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.PIPE, env=environment)
            self._reader = threading.Thread(target=self._read, name="server stderr", daemon=True)
            self._reader.start()
            line = self.wait_for_log(LISTENING_TEXT, self.timeout)
            if line is None:
                raise StartError(f"{self.path} did not say where it listens:\n{self.log}")
            found = LISTENING.search(line)
            if found is None:
                raise StartError(f"{self.path} said where it listens in an unknown form: {line}")
            self.host = found.group(1).strip("[]")
            self.port = int(found.group(2))
        except BaseException:
            self.stop()
            raise
        return self

    def _read(self):
        for raw in self.process.stderr:
            with self._event:
                self.lines.append(raw.decode("utf-8", "replace"))
                self._event.notify_all()
        with self._event:
            self._ended = True
            self._event.notify_all()

    def wait_for_log(self, text, timeout=10.0):
        """The first stderr line with `text` in it, or None if it does not come in time or the server ends."""

        return self.wait_for_log_after(text, 0, timeout)

    def wait_for_log_after(self, text, count, timeout=10.0):
        """The same, but for the first so many lines."""

        def find():
            return next((line for line in self.lines[count:] if text in line), None)

        with self._event:
            self._event.wait_for(lambda: find() is not None or self._ended, timeout)
            return find()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        """Sends a signal given as a number or as a name such as `USR2`."""
        if isinstance(number, str):
            number = getattr(signal, "SIG" + number)
        if self.alive():
            self.process.send_signal(number)

    def wait(self, timeout=10.0):
        """The exit code, or None if the server is still there."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, timeout=10.0):
        """Ends the process, politely first. Returns the exit code. SIGINT, because a lame duck does not listen to SIGTERM."""
        code = None
        try:
            if self.process is not None:
                if self.alive():
                    self.signal("INT")
                code = self.wait(timeout)
        finally:
            if self.process is not None and self.alive():
                self.process.kill()
                self.process.wait()
            if self._reader is not None:
                self._reader.join(5.0)
            if self.process is not None and self.process.stderr is not None and not self._reader_alive():
                self.process.stderr.close()
            if self._directory is not None:
                self._directory.cleanup()
                self._directory = None
        return code

    def _reader_alive(self):
        return self._reader is not None and self._reader.is_alive()
