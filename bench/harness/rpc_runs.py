"""Calls and streams, ours through nuncio-server, and what others pay for the same.

Each side is a few processes: a service, perhaps a broker or proxy, and a client that measures. All are pinned to one
core, or free. CPU per call counts all of them: the client says its own, the others' is taken in the middle of the run.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import processes
from .processes import RunError
from .runs import Figures

WARM_UP_S = 0.5
ONE_CORE = {0}


@dataclass(frozen=True)
class Case:
    """`bounds`: (figure, peer, at least or at most this ratio of ours to theirs, "min" or "max").
    `ratios`: (figure, peer) that is only said."""

    name: str
    load: tuple[str, ...]
    peers: tuple[str, ...]
    bounds: tuple[tuple[str, str, float, str], ...] = ()
    ratios: tuple[tuple[str, str], ...] = ()

    @property
    def is_stream(self) -> bool:
        return "--stream" in self.load


CASES = (
    Case("call-1", (), ("grpc-sync", "nginx-grpc-sync", "nats-c-sync", "nats-c-asap", "thrift", "relay"), (
        ("p50_us", "grpc-sync", 0.75, "max"), ("p99_us", "grpc-sync", 0.75, "max"),
        ("p50_us", "nginx-grpc-sync", 0.4, "max"), ("p99_us", "nginx-grpc-sync", 0.4, "max"),
        ("p50_us", "nats-c-sync", 0.4, "max"), ("p99_us", "nats-c-sync", 0.4, "max"),
        # It collects messages for a while before it writes, unless it is told not to.
        ("p50_us", "nats-c-asap", 0.4, "max"), ("p99_us", "nats-c-asap", 0.4, "max")),
        (("p50_us", "thrift"), ("p99_us", "thrift"), ("p50_us", "relay"), ("cpu_us", "relay"))),
    # Thrift's client has one call at a time on a connection.
    Case("call-64", ("--outstanding", "64"), ("grpc-callback", "nats-c-async", "thrift-64-connections", "relay"), (
        ("calls_per_s", "grpc-callback", 5, "min"), ("calls_per_s", "nats-c-async", 3, "min"),
        ("cpu_us", "grpc-callback", 0.25, "max")),
        (("calls_per_s", "thrift-64-connections"), ("cpu_us", "thrift-64-connections"),
         ("calls_per_s", "relay"), ("cpu_us", "relay"))),
    Case("call-16x8", ("--connections", "16", "--outstanding", "8"), ("grpc-callback", "thrift-128-connections"), (
        ("calls_per_s", "grpc-callback", 3, "min"),),
        (("calls_per_s", "thrift-128-connections"), ("cpu_us", "thrift-128-connections"))),
    Case("stream-128", ("--stream", "128"), ("grpc-sync",), (("messages_per_s", "grpc-sync", 10, "min"),)),
    Case("stream-16k", ("--stream", "16384"), ("grpc-sync",), (
        ("messages_per_s", "grpc-sync", 1.2, "min"), ("cpu_us", "grpc-sync", 0.8, "max"))),
)

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream grpc {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port} http2; keepalive_requests 100000000; http2_max_concurrent_streams 1024;
            location / {{ grpc_pass grpc://grpc; }} }}
}}
"""


@dataclass
class Programs:
    """Executables; None where there is none, and what needs it is left out."""

    server: str
    examples: Path
    peers: Path
    nats_server: str | None
    nginx: str | None

    def has(self, peer: str) -> bool:
        if peer.startswith("nats-c"):
            return self.nats_server is not None and (self.peers / "rpc_nats_c").exists()
        if peer.startswith("nginx") and self.nginx is None:
            return False
        name = peer.split("-")[0]
        return (self.peers / ("rpc_" + (name if name in ("thrift", "relay") else "grpc"))).exists()


@dataclass
class Side:
    """The processes besides the client, and the client's command."""

    pids: list[int] = field(default_factory=list)
    client: list[str] = field(default_factory=list)


@contextlib.contextmanager
def started(argv: list[str], cores: set[int] | None, waits: bool = True):
    """(pid, the number behind `ready`) of a process that is ended afterwards."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True, preexec_fn=processes.on_cores(cores))
    try:
        number = 0
        if waits:
            said = process.stdout.readline().split()
            if said[:1] != ["ready"]:
                raise RunError(f"{argv[0]} said {said} instead of ready")
            number = int(said[1]) if len(said) > 1 else 0
        yield process.pid, number
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def broker(path: str, cores: set[int] | None):
    with processes.Server(path, [], cores) as server:
        yield server.pid, f"nats://127.0.0.1:{server.port}"


def _free_port() -> int:
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def nginx(path: str, upstream: int, cores: set[int] | None):
    with tempfile.TemporaryDirectory(prefix="nuncio-bench-") as folder:
        port = _free_port()
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder, upstream=upstream, port=port))
        with started([path, "-c", str(configuration), "-p", folder], cores, waits=False) as (pid, _):
            children = Path(f"/proc/{pid}/task/{pid}/children")
            end = time.monotonic() + 10
            while not (workers := children.read_text().split()):
                if time.monotonic() > end:
                    raise RunError("nginx doesn't start")
                time.sleep(0.02)
            time.sleep(0.1)
            yield int(workers[0]), port


@contextlib.contextmanager
def ours(programs: Programs, cores: set[int] | None, _case: Case):
    with broker(programs.server, cores) as (pid, url):
        limits = ["--max-concurrent", "1000000", "--max-per-caller", "1000000"]
        with started([str(programs.examples / "echo_service"), "--server", url, *limits], cores) as (service, _):
            yield Side([pid, service], [str(programs.examples / "echo_client"), "--server", url])


@contextlib.contextmanager
def grpc(programs: Programs, cores: set[int] | None, how: str, proxied: bool):
    program = str(programs.peers / "rpc_grpc")
    with contextlib.ExitStack() as stack:
        service, port = stack.enter_context(started([program, "serve", how, "0"], cores))
        pids = [service]
        if proxied:
            worker, port = stack.enter_context(nginx(programs.nginx, port, cores))
            pids.append(worker)
        yield Side(pids, [program, "call", how, str(port)])


@contextlib.contextmanager
def nats_c(programs: Programs, cores: set[int] | None, how: str):
    program = str(programs.peers / "rpc_nats_c")
    with broker(programs.nats_server, cores) as (pid, url):
        with started([program, "serve", how, url], cores) as (service, _):
            yield Side([pid, service], [program, "call", how, url])


@contextlib.contextmanager
def thrift(programs: Programs, cores: set[int] | None):
    program = str(programs.peers / "rpc_thrift")
    with started([program, "serve", "0"], cores) as (service, port):
        yield Side([service], [program, "call", str(port)])


@contextlib.contextmanager
def relay(programs: Programs, cores: set[int] | None):
    program = str(programs.peers / "rpc_relay")
    with started([program, "relay"], cores) as (pid, port):
        with started([program, "serve", str(port)], cores) as (service, _):
            yield Side([pid, service], [program, "call", str(port)])


def peer(name: str, programs: Programs, cores: set[int] | None, case: Case):
    if name == "ours":
        return ours(programs, cores, case)
    if name.startswith("nats-c-"):
        return nats_c(programs, cores, name.removeprefix("nats-c-"))
    if name.startswith("thrift"):
        return thrift(programs, cores)
    if name == "relay":
        return relay(programs, cores)
    return grpc(programs, cores, name.rsplit("-", 1)[1], name.startswith("nginx"))


def run_once(name: str, programs: Programs, case: Case, cores: set[int] | None, seconds: float) -> dict:
    with peer(name, programs, cores, case) as side:
        client = subprocess.Popen([*side.client, *case.load, "--seconds", f"{seconds:g}"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  preexec_fn=processes.on_cores(cores))
        try:
            time.sleep(WARM_UP_S + 0.15)
            began, before = time.monotonic(), sum(map(processes.cpu_seconds, side.pids))
            time.sleep(max(0.1, seconds - 0.3))
            others = (sum(map(processes.cpu_seconds, side.pids)) - before) / (time.monotonic() - began)
            out, errors = client.communicate(timeout=seconds + 30)
        except subprocess.TimeoutExpired:
            raise RunError("the client doesn't end") from None
        finally:
            client.kill()
            client.wait()
        if client.returncode != 0:
            raise RunError(f"the client failed: {errors.strip()[-200:]}")
    figures = json.loads(out.splitlines()[-1])
    what, rate = ("message", "messages_per_s") if case.is_stream else ("call", "calls_per_s")
    figures["cpu_us"] = figures[f"cpu_us_per_{what}"] + others * 1e6 / figures[rate]
    return figures


@dataclass
class CaseResult:
    case: Case
    placement: str
    sides: dict[str, Figures]


def measure(programs: Programs, case: Case, placement: str, rounds: int, seconds: float, tell) -> CaseResult:
    """The sides in turn, so that what the neighbours do hits all of them."""
    names = ["ours", *(each for each in case.peers if programs.has(each))]
    result = CaseResult(case, placement, {each: Figures() for each in names})
    cores = ONE_CORE if placement == "pinned" else None
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            figures = result.sides[name]
            try:
                figures.runs.append(run_once(name, programs, case, cores, seconds))
                tell(case, placement, number, name, figures.runs[-1], None)
            except (RunError, OSError, ValueError) as why:
                figures.errors.append(str(why))
                tell(case, placement, number, name, None, str(why))
    return result


def verdicts(result: CaseResult) -> list[tuple[str, str, float, float | None, str, bool]]:
    """(figure, peer, ratio, bound, "min" or "max", met) of what can be compared; no bound, nothing to meet."""
    out = []
    for figure, other, bound, way in (*result.case.bounds, *((*each, None, "") for each in result.case.ratios)):
        mine = result.sides["ours"].median(figure)
        theirs = result.sides[other].median(figure) if other in result.sides else None
        if mine and theirs:
            ratio = mine / theirs
            is_met = bound is None or (ratio >= bound if way == "min" else ratio <= bound)
            out.append((figure, other, ratio, bound, way, is_met))
    return out


def open_calls(programs: Programs, what: str, count: int, seconds: float) -> dict:
    """Memory and messages of what is open and says nothing; the service's as well."""
    program = str(programs.peers / "rpc_open")

    def resident(pid: int) -> int:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    with broker(programs.server, None) as (_, url), started([program, "serve", url], None) as (service, _):
        before = resident(service)
        client = subprocess.Popen([program, what, url, str(count), f"{seconds:g}"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True, preexec_fn=processes.die_with_parent)
        time.sleep(2 + min(seconds, 1))
        each = (resident(service) - before) / count
        out, _ = client.communicate(timeout=seconds + 60)
        if client.returncode != 0:
            raise RunError("rpc_open failed")
    return {**json.loads(out), "service_bytes_each": each}
