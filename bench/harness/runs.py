"""One run of one row against one server, and the rounds that make a row's figures."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import access, processes
from .processes import RunError, Server
from .rows import CPU, RATE, Row
from .watcher import Watcher

GENERATOR_BOUND = 0.85


@dataclass
class Tools:
    generator: str
    nats_cli: str | None
    seconds: float | None
    configurations: dict[str, str] = field(default_factory=dict)  # paths by name


@dataclass
class Side:
    """A server to measure: how it is called, its executable, its arguments."""

    label: str
    path: str
    args: list[str]


@dataclass
class Figures:
    """What several runs gave, and the errors of those that gave nothing."""

    runs: list[dict] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def median(self, figure: str) -> float | None:
        values = [r[figure] for r in self.runs if r.get(figure) is not None]
        return statistics.median(values) if values else None

    def is_generator_bound(self) -> bool:
        return (self.median("generator_cpu_share") or 0) > GENERATOR_BOUND


@dataclass
class RowResult:
    row: Row
    ours: Figures = field(default_factory=Figures)
    peer: Figures | None = None
    floor: Figures | None = None
    labels: tuple[str, str] = ("ours", "")


def _generator_args(row: Row, tools: Tools) -> list[str]:
    args = ["--case", row.case, *row.args]
    if row.transport:
        args += ["--transport", row.transport]
    if tools.seconds is not None:
        args += ["--seconds", f"{tools.seconds:g}"]
    return args


def _generate(args: list[str], tools: Tools) -> dict:
    done = processes.run_tool([tools.generator, *args], timeout=900)
    try:
        figures = json.loads(done.stdout)
    except ValueError:
        raise RunError(f"the generator said: {(done.stderr or done.stdout).strip()}") from None
    if "error" in figures:
        raise RunError(figures["error"])
    return figures


def run_once(row: Row, side: Side, tools: Tools) -> dict:
    if row.kind == "natsbench":
        return _nats_bench(row, side, tools)
    if row.kind == "access":
        return access.run(row, side.path, side.args, tools.configurations)
    args = _generator_args(row, tools)
    if row.case == "start":
        args += ["--server", side.path, "--server-arg", "-a", "--server-arg", "127.0.0.1"]
        for a in side.args:
            args += ["--server-arg", a]
        return _generate(args, tools)
    # Both servers have it; where one is compared with itself, its arguments say which does.
    configured = ["-c", tools.configurations[row.configuration]] if row.kind == "configured" else []
    with Server(side.path, [*side.args, *configured]) as server:
        try:
            port = server.websocket_port() if row.is_websocket() else server.port
            args += ["--port", str(port), "--pid", str(server.pid)]
            if not row.watched:
                return _generate(args, tools)
            with Watcher(server, row.watched == "asked") as watcher:
                figures = _generate(args, tools)
            return {**figures, **watcher.figures()}
        except RunError as e:
            raise RunError(f"{e} ({reason})" if (reason := server.ended_early()) else str(e)) from e


def run_floor(size: int, tools: Tools) -> dict:
    row = Row("relay", "relay", ("--size", str(size)), kind="relay")
    return run_once(row, Side("relay", tools.generator, ["relay-server"]), tools)


# --- the cross-check by the nats command line tool ------------------------------------------------

_STATS = re.compile(r"stats: ([\d,]+) msgs/sec")


def _rate(text: str) -> float:
    found = _STATS.findall(text)
    if not found:
        raise RunError(f"nats bench said: {text.strip()[-300:]}")
    return float(found[-1].replace(",", ""))


def _nats_bench(row: Row, side: Side, tools: Tools) -> dict:
    """Publishes for about the wished time: the number of messages comes from a short run before."""
    with Server(side.path, side.args) as server:
        base = [tools.nats_cli, "-s", f"nats://127.0.0.1:{server.port}", "bench"]

        def bench(count: int) -> float:
            args = ["foo", "--size", "16", "--msgs", str(count), "--no-progress"]
            if row.args == ("pub",):
                return _rate(processes.run_tool([*base, "pub", *args], timeout=300).stdout)
            subscriber = subprocess.Popen([*base, "sub", *args], stdout=subprocess.PIPE, text=True,
                                          stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                                          preexec_fn=processes.die_with_parent)
            try:
                time.sleep(0.5)  # the tool doesn't tell when its subscription stands
                processes.run_tool([*base, "pub", *args], timeout=300)
                text, _ = subscriber.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                raise RunError("nats bench sub did not get all messages") from None
            finally:
                if subscriber.poll() is None:
                    subscriber.kill()
                    subscriber.wait()
            return _rate(text)

        rate = bench(200_000)
        count = max(200_000, int(rate * (tools.seconds or 3)))
        before = processes.cpu_seconds(server.pid)
        rate = bench(count)
        cpu = processes.cpu_seconds(server.pid) - before
        return {RATE: rate, CPU: cpu * 1e9 / count, "messages": count}


# --- rounds ---------------------------------------------------------------------------------------


def measure(row: Row, ours: Side, peer: Side | None, tools: Tools, rounds: int,
            report) -> RowResult:
    """A B A B: the neighbours on a shared machine change, the two are compared near in time."""
    result = RowResult(row, labels=(ours.label, peer.label if peer else ""))
    sides = [(ours, result.ours)]
    if peer:
        result.peer = Figures()
        sides.append((peer, result.peer))
    if row.floor_size is not None:
        result.floor = Figures()
    for number in range(rounds):
        for side, figures in sides:
            _collect(figures, lambda s=side: run_once(row, s, tools), report, row, side.label,
                     number)
        if result.floor is not None:
            _collect(result.floor, lambda: run_floor(row.floor_size, tools), report, row, "floor",
                     number)
    return result


def _collect(figures: Figures, run, report, row: Row, label: str, number: int) -> None:
    try:
        figures.runs.append(run())
        report(row, label, number, figures.runs[-1], None)
    except RunError as e:
        figures.errors.append(str(e))
        report(row, label, number, None, str(e))


def describe_version(path: str) -> str:
    try:
        done = processes.run_tool([path, "--version"], timeout=10)
    except RunError as e:
        return str(e)
    text = (done.stdout or done.stderr).strip()
    return text.splitlines()[0] if text else Path(path).name
