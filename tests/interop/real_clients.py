"""What the tests with real clients share: finding the client programs, running test functions, a small raw client."""

import argparse
import contextlib
import importlib.util
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support" / "python"))

from server_process import SKIPPED, ServerProcess  # noqa: E402,F401

TIMEOUT = 20.0


class Skip(Exception):
    """The test cannot run here, and why."""


def parse(description, *more):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--server", required=True, help="program under test")
    parser.add_argument("--peers", help="folder with the client programs (else NUNCIO_PEERS, else --default-peers)")
    parser.add_argument("--default-peers", default=str(HERE.parent.parent / "build" / "peers"), help=argparse.SUPPRESS)
    parser.add_argument("--match", help="only tests whose name contains this text")
    for names, settings in more:
        parser.add_argument(names, **settings)
    options = parser.parse_args()
    options.peers = options.peers or os.environ.get("NUNCIO_PEERS") or options.default_peers
    return options


def skip(reason):
    print(f"SKIP {reason}")
    sys.exit(SKIPPED)


def peer(options, name):
    """The path of a client program; ends the test program as skipped if it is not there."""
    path = os.path.join(options.peers, name)
    if not os.access(path, os.X_OK):
        skip(f"{path} is not there")
    return path


def need_nats_py(options):
    """Starts the program again with the Python of the peers if this one doesn't have nats-py; skips if none has."""
    if importlib.util.find_spec("nats") is not None:
        return
    python = peer(options, os.path.join("venv", "bin", "python3"))
    if os.path.abspath(python) == os.path.abspath(sys.executable):
        skip(f"nats-py is not installed for {python}")
    os.execv(python, [python, *sys.argv])


def prefer_nats_py(options):
    """As need_nats_py(), but where none has it the program goes on without."""
    with contextlib.suppress(SystemExit):
        need_nats_py(options)


def run_tests(tests, options, *arguments):
    """Runs functions `test(options, *arguments)` one after the other and returns the exit code."""
    failed = ran = 0
    for test in tests:
        if options.match and options.match not in test.__name__:
            continue
        begin = time.monotonic()
        try:
            test(options, *arguments)
        except Skip as reason:
            print(f"SKIP {test.__name__}: {reason}", flush=True)
            continue
        except Exception:  # noqa: BLE001  (a test may fail in any way)
            failed += 1
            print(f"FAIL {test.__name__}\n    " + traceback.format_exc().rstrip().replace("\n", "\n    "), flush=True)
        else:
            print(f"ok   {test.__name__} ({time.monotonic() - begin:.2f} s)", flush=True)
        ran += 1
    print(f"{ran} tests, {failed} failed")
    if not ran:
        return SKIPPED
    return 1 if failed else 0


def wait_until(condition, what, timeout=TIMEOUT):
    """Looks again and again until the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


@contextlib.contextmanager
def background(command, **settings):
    """A program that runs while the block does; it is ended by its process id."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **settings)
    child = Child(process)
    try:
        yield child
    finally:
        child.stop()


class Child:
    """A program in the background whose output is collected."""

    def __init__(self, process):
        self.process = process
        self.text = ""
        self.changed = threading.Condition()
        self.ended = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for raw in self.process.stdout:
            with self.changed:
                self.text += raw.decode("utf-8", "replace")
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, text, timeout=TIMEOUT):
        with self.changed:
            self.changed.wait_for(lambda: text in self.text or self.ended, timeout)
            assert text in self.text, f"{text!r} did not come; output so far:\n{self.text}"

    def finish(self, timeout=TIMEOUT):
        """Waits for the end; returns (exit code, output)."""
        code = self.process.wait(timeout)
        self.reader.join(timeout)
        return code, self.text

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(5.0)
        if not self.reader.is_alive():
            self.process.stdout.close()


class RawClient:
    """Just enough of a client to find out whether somebody listens."""

    def __init__(self, server):
        self.socket = socket.create_connection((server.host, server.port), TIMEOUT)
        self.file = self.socket.makefile("rb")
        assert self.file.readline().startswith(b"INFO ")
        self.send(b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":0}\r\n'
                  b"SUB _INBOX.raw.> 1\r\nPING\r\n")
        self.until_pong()
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def until_pong(self):
        """Messages up to the next PONG: (subject, headers, payload)."""
        messages = []
        while True:
            line = self.file.readline()
            assert line, "the server closed the connection"
            words = line.split()
            if words[0] == b"PONG":
                return messages
            if words[0] == b"PING":
                self.send(b"PONG\r\n")
            elif words[0] in (b"MSG", b"HMSG"):
                size = int(words[-1])
                head = int(words[-2]) if words[0] == b"HMSG" else 0
                data = self.file.read(size + 2)[:-2]
                messages.append((words[1].decode(), data[:head], data[head:]))
            else:
                assert words[0] != b"-ERR", line

    def publish(self, subject, payload=b""):
        self.send(f"PUB {subject} {len(payload)}\r\n".encode() + payload + b"\r\nPING\r\n")
        self.until_pong()

    def has_listener(self, subject):
        """Sends an empty request; True if it reached somebody (who has then got it)."""
        self.count += 1
        self.send(f"PUB {subject} _INBOX.raw.{self.count} 0\r\n\r\nPING\r\n".encode())
        return not any(b" 503" in headers for _, headers, _ in self.until_pong())

    def wait_for_listener(self, subject, timeout=TIMEOUT):
        """Sends empty requests until one reached somebody; exactly one does."""
        deadline = time.monotonic() + timeout
        while not self.has_listener(subject):
            assert time.monotonic() < deadline, f"nobody listens on {subject}"
            time.sleep(0.01)

    def request(self, subject, payload=b"", timeout=TIMEOUT):
        """The first answer to a request; asks again while nobody is there."""
        self.wait_for_listener(subject, timeout)
        self.count += 1
        inbox = f"_INBOX.raw.{self.count}"
        self.send(f"PUB {subject} {inbox} {len(payload)}\r\n".encode() + payload + b"\r\n")
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.send(b"PING\r\n")
            for got, _, data in self.until_pong():
                if got == inbox:
                    return data
            time.sleep(0.01)
        raise AssertionError(f"no answer from {subject}")


def clean_environment(directory):
    """An environment in which a client program finds no settings of the user."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NATS_")}
    environment.update(HOME=directory, XDG_CONFIG_HOME=directory, XDG_DATA_HOME=directory, NO_COLOR="1", TERM="dumb")
    return environment

