"""Servers, relays and priority: everything that starts a process or must end one."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_LISTENING = re.compile(r"Listening for client connections on \S*?:(\d+)\s*$", re.MULTILINE)
_WEBSOCKET = re.compile(r"Listening for websocket clients on \S*?:(\d+)\s*$", re.MULTILINE)
_MONITOR = re.compile(r"Starting http monitor on \S+:(\d+)")
_READY = "Server is ready"
START_TIMEOUT_S = 20


class RunError(Exception):
    """A run that gave no figures; says why."""


def die_with_parent(sig: int = signal.SIGKILL) -> None:
    """In a child: whatever way the parent ends, this process ends too."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, sig, 0, 0, 0)


def on_cores(cores: set[int] | None):
    """What a child does first: it ends with its parent, and stays on these cores if there are any."""
    def prepare() -> None:
        die_with_parent()
        if cores:
            os.sched_setaffinity(0, cores)
    return prepare


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads, by the process's CPU clock (Linux numbers them so)."""
    return time.clock_gettime((~pid << 3) | 2)


class Server:
    """A server on a free loopback port; ended when the with block is left, however that is."""

    def __init__(self, path: str, args: list[str], cores: set[int] | None = None):
        self.path = path
        self._cores = cores
        # A relay is a server of ours that knows no options.
        if args[:1] == ["relay-server"]:
            self._argv = [path, *args]
        else:
            self._argv = [path, "-a", "127.0.0.1", "-p", "-1", *args]

    def __enter__(self) -> "Server":
        self._dir = tempfile.TemporaryDirectory(prefix="nuncio-bench-")
        self._log = Path(self._dir.name) / "log"
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    cwd=self._dir.name, preexec_fn=on_cores(self._cores))
        except OSError as e:
            self._dir.cleanup()
            raise RunError(f"{self.path} can't be started: {e}") from e
        self.pid = self._process.pid
        try:
            self.port = self._wait_for_port()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def ended_early(self) -> str | None:
        """What the server last said, if it is no longer there."""
        if self._process.poll() is None:
            return None
        return f"the server ended with status {self._process.returncode}: {self._last_words()}"

    def websocket_port(self) -> int:
        port = _WEBSOCKET.search(self._log.read_text(errors="replace"))
        if not port:
            raise RunError(f"{self.path} has no WebSocket: {self._last_words()}")
        return int(port.group(1))

    def monitor_port(self) -> int:
        port = _MONITOR.search(self._log.read_text(errors="replace"))
        if not port:
            raise RunError(f"{self.path} has no pages: {self._last_words()}")
        return int(port.group(1))

    def _last_words(self) -> str:
        return " / ".join(self._log.read_text(errors="replace").splitlines()[-3:])

    def _wait_for_port(self) -> int:
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            text = self._log.read_text(errors="replace")
            port = _LISTENING.search(text)
            if port and _READY in text:
                return int(port.group(1))
            if (reason := self.ended_early()) is not None:
                raise RunError(reason)
            time.sleep(0.005)
        raise RunError(f"{self.path} was not ready in {START_TIMEOUT_S} s: {self._last_words()}")

    def _stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._dir.cleanup()


def run_tool(argv: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Runs to the end, or is killed and waited for, which subprocess.run forgets on Ctrl-C."""
    try:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True,
                                   preexec_fn=die_with_parent)
    except OSError as e:
        raise RunError(f"{argv[0]} can't be started: {e}") from e
    try:
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(argv, process.returncode, out, err)
    except subprocess.TimeoutExpired as e:
        raise RunError(f"no result after {timeout:g} s") from e
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def raise_priority() -> str:
    """Where the kernel groups processes by session, only the group's priority counts outside."""
    said = []
    try:
        Path("/proc/self/autogroup").write_text("-20")
        said.append("session group at -20")
    except OSError as e:
        said.append(f"session group unchanged ({e.strerror})")
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        said.append("nice -20")
    except OSError as e:
        said.append(f"nice unchanged ({e.strerror})")
    return ", ".join(said)


def in_own_session(work) -> int:
    """Runs work() in a child that leads a session of its own; signals to us are passed on to it."""
    child = os.fork()
    if child == 0:
        die_with_parent(signal.SIGTERM)
        os.setsid()
        # All unwind like Ctrl-C, so that every with block ends its process. Also SIGINT is set, for
        # a shell that starts us in the background has it ignored.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        try:
            status = work()
        except KeyboardInterrupt:
            print("\nstopped", flush=True)
            status = 130
        except SystemExit as e:
            print(e.code, file=sys.stderr)
            status = 1
        sys.stdout.flush()
        os._exit(status)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: os.kill(child, signal.SIGINT))
    while True:
        try:
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status)
        except InterruptedError:
            continue


def find_program(candidates: list[str | None], on_path: str | None = None) -> str | None:
    for c in candidates:
        if c and os.access(c, os.X_OK) and Path(c).is_file():
            return str(Path(c).resolve())
    return shutil.which(on_path) if on_path else None
