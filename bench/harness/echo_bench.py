"""What scripts/bench --echo does: the price of the echo programs of bench/echo, before the first call and on the wire.

Programs are compiled and linked from nothing, without ccache, in turn. A relay that counts stands before each process
that is called, and tells calls by what their requests look like on the wire.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import selectors
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from . import processes, report, rpc_runs
from .report import number

FLAGS = ["-O2", "-std=c++20"]
CALLING_S = 1.0


def cpu_seconds_of(commands: list[list[str]], folder: Path) -> float:
    """User and system time of all of them, with their children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for command in commands:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, env=os.environ | {"CCACHE_DISABLE": "1"})
        if done.returncode != 0:
            sys.exit(f"bench: {shlex.join(command)} failed:\n{done.stdout[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def package(*arguments: str) -> list[str]:
    return shlex.split(subprocess.run(["pkg-config", *arguments], check=True, capture_output=True, text=True).stdout)


class Program:
    """An echo program: its sources, and the commands that make it of them in a folder."""

    def __init__(self, name: str, sources: list[Path], commands: list[list[str]]):
        self.name, self.sources, self.commands = name, sources, commands

    def lines(self) -> int:
        return sum(1 for each in self.sources for line in each.read_text().splitlines() if line.strip())


def ours(root: Path, build: Path) -> Program:
    source = root / "bench/echo/nuncio_echo.cpp"
    entry = next(e for e in json.loads((build / "compile_commands.json").read_text()) if e["file"] == str(source))
    words = shlex.split(entry["command"])
    # What a user's project gets of the target, in the place of this build's own flags.
    wanted = [w for w in words if w.startswith(("-I", "-DBOOST"))]
    wanted += [part for at, w in enumerate(words) if w == "-isystem" for part in (w, words[at + 1])]
    libraries = [str(build / each) for each in ("client/libnuncio_rpc.a", "client/libnuncio_client.a",
                                                "protocol/libnuncio_protocol.a", "libnuncio_asio_ssl.a", "libnuncio_asio.a")]
    libraries = [each for each in libraries if Path(each).exists()]
    tls = package("--libs", "openssl") if any("ssl" in each for each in libraries) else []
    return Program("nuncio", [source], [
        ["g++", *FLAGS, *wanted, "-c", str(source), "-o", "echo.o"],
        ["g++", "echo.o", "-o", "echo", *libraries, *package("--libs", "libsodium"), *tls]])


def grpc(root: Path) -> Program:
    folder = root / "bench/echo"
    flags = [*FLAGS, "-I.", *package("--cflags", "grpc++", "protobuf")]
    plugin = processes.find_program([], "grpc_cpp_plugin")
    sources = [str(folder / "grpc_echo.cpp"), "grpc_echo.pb.cc", "grpc_echo.grpc.pb.cc"]
    return Program("gRPC", [folder / "grpc_echo.proto", folder / "grpc_echo.cpp"], [
        ["protoc", f"-I{folder}", "--cpp_out=.", "--grpc_out=.", f"--plugin=protoc-gen-grpc={plugin}", "grpc_echo.proto"],
        *(["g++", *flags, "-c", each, "-o", f"{Path(each).name}.o"] for each in sources),
        ["g++", *(f"{Path(each).name}.o" for each in sources), "-o", "echo", *package("--libs", "grpc++", "protobuf")]])


def nats_c(root: Path) -> Program:
    source = root / "bench/echo/nats_c_echo.c"
    return Program("NATS C client", [source], [["gcc", "-O2", str(source), "-o", "echo", "-lnats"]])


def shared_libraries(program: Path) -> tuple[int, int, int]:
    """(all, those of packages that not every Debian has, bytes of those)"""
    said = subprocess.run(["ldd", str(program)], check=True, capture_output=True, text=True).stdout
    paths = [Path(found).resolve() for found in re.findall(r"=> (/\S+)", said)]
    to_ship = []
    for path in paths:
        # dpkg may know a file by the name that it had before /usr was merged.
        names = [str(path), str(path).removeprefix("/usr")]
        owner = next((o.stdout.split(":")[0] for o in (subprocess.run(["dpkg", "-S", n], capture_output=True, text=True,
                                                                      check=False) for n in names) if o.returncode == 0), "")
        how = subprocess.run(["dpkg-query", "-W", "-f", "${Priority}", owner], capture_output=True, text=True,
                             check=False).stdout if owner else ""
        # libstdc++ and libgcc come with apt.
        if not re.match(r"required|important", how) and owner not in ("libc6", "libstdc++6", "libgcc-s1"):
            to_ship.append(path)
    return len(paths), len(to_ship), sum(path.stat().st_size for path in to_ship)


class CountingRelay:
    """Passes bytes between its clients and a port, counts them, and the calls in them."""

    def __init__(self, port: int, calls_in):
        self._port, self._calls_in = port, calls_in
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.bytes, self.calls = 0, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "CountingRelay":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._listener, selectors.EVENT_READ)
            while not self._stop.is_set():
                for key, _ in ready.select(0.05):
                    if key.fileobj is self._listener:
                        near, far = self._listener.accept()[0], socket.create_connection(("127.0.0.1", self._port))
                        for each in (near, far):
                            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        ready.register(near, selectors.EVENT_READ, (far, self._calls_in()))
                        ready.register(far, selectors.EVENT_READ, (near, None))
                        continue
                    other, counter = key.data
                    try:
                        data = key.fileobj.recv(65536)
                        other.sendall(data)
                    except OSError:
                        data = b""
                    if not data:
                        ready.unregister(key.fileobj)
                        with contextlib.suppress(OSError):
                            other.shutdown(socket.SHUT_WR)
                        continue
                    self.bytes += len(data)
                    if counter is not None:
                        self.calls += counter(data)


def published_requests():
    """Counts PUB and HPUB to the subject of the calls; what is cut between two reads is completed by the next."""
    rest = b""

    def count(data: bytes) -> int:
        nonlocal rest
        rest += data
        found = rest.count(b"PUB echo.unary ")
        rest = rest[-len(b"UB echo.unary "):]
        return found
    return count


def opened_http2_streams():
    """Counts HEADERS frames of an HTTP/2 client, each of which opens a call."""
    rest, skip = b"", len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    def count(data: bytes) -> int:
        nonlocal rest, skip
        rest += data
        found = 0
        while len(rest) >= skip + 9:
            rest = rest[skip:]
            skip = 9 + int.from_bytes(rest[:3], "big")
            found += rest[3] == 1
        return found
    return count


def bytes_on_the_wire(name: str, programs: rpc_runs.Programs) -> dict | None:
    """Bytes of a call of bench/rpc by a client that makes one after another: request and reply, over all hops."""
    peer = {"nuncio": "ours", "gRPC": "grpc-sync", "NATS C client": "nats-c-asap"}[name]
    if name != "nuncio" and not programs.has(peer):
        return None
    with contextlib.ExitStack() as stack:
        load = ["--seconds", f"{CALLING_S:g}"]
        if name == "gRPC":
            program = str(programs.peers / "rpc_grpc")
            _, port = stack.enter_context(rpc_runs.started([program, "serve", "sync", "0"], None))
            hops = [stack.enter_context(CountingRelay(port, opened_http2_streams))]
            client = [program, "call", "sync", str(hops[0].port)]
        else:
            server = programs.server if name == "nuncio" else programs.nats_server
            _, url = stack.enter_context(rpc_runs.broker(server, None))
            port = int(url.rsplit(":", 1)[1])
            hops = [stack.enter_context(CountingRelay(port, published_requests)) for _ in range(2)]
            near, far = (f"nats://127.0.0.1:{each.port}" for each in hops)
            if name == "nuncio":
                service = [str(programs.examples / "echo_service"), "--server", far]
                client = [str(programs.examples / "echo_client"), "--server", near]
            else:
                program = str(programs.peers / "rpc_nats_c")
                service, client = [program, "serve", "asap", far], [program, "call", "asap", near]
            stack.enter_context(rpc_runs.started(service, None))
        done = processes.run_tool([*client, *load], timeout=60)
        if done.returncode != 0 or hops[0].calls == 0:
            raise processes.RunError(f"{client[0]}: {done.stderr.strip()[-200:]}")
        calls = hops[0].calls
        return {"calls": calls, "hops": [hop.bytes / calls for hop in hops]}


def library_cold(root: Path, folder: Path) -> float:
    """CPU seconds of nuncio::rpc and all that it stands on, from nothing."""
    configure = ["cmake", "-G", "Ninja", "-S", str(root), "-B", str(folder), "-DCMAKE_BUILD_TYPE=Release",
                 "-DCMAKE_CXX_FLAGS_RELEASE=" + FLAGS[0]]
    configure += [f"-DNUNCIO_{each}=OFF" for each in ("PROGRAMS", "TESTS", "EXAMPLES", "BENCH", "INSTALL", "PROTOBUF")]
    cpu_seconds_of([configure], root)
    return cpu_seconds_of([["cmake", "--build", str(folder), "--target", "nuncio_rpc", "-j", "2"]], root)


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def measure(root: Path, programs: rpc_runs.Programs, rounds: int) -> dict:
    all_of_them = [ours(root, Path(programs.server).parent.parent)]
    if processes.find_program([], "grpc_cpp_plugin"):
        all_of_them.append(grpc(root))
    if Path("/usr/include/nats/nats.h").exists():
        all_of_them.append(nats_c(root))
    figures = {each.name: {"lines": each.lines(), "compile_cpu_s": []} for each in all_of_them}
    with tempfile.TemporaryDirectory(prefix="nuncio-echo-") as work:
        for at in range(rounds):
            for each in all_of_them[at % len(all_of_them):] + all_of_them[:at % len(all_of_them)]:
                folder = Path(work) / f"{each.name}-{at}".replace(" ", "-")
                folder.mkdir()
                took = cpu_seconds_of(each.commands, folder)
                figures[each.name]["compile_cpu_s"].append(took)
                print(f"  round {at + 1} {each.name:14} {number(took)} s", flush=True)
        for each in all_of_them:
            built = Path(work) / f"{each.name}-0".replace(" ", "-") / "echo"
            subprocess.run(["strip", str(built)], check=True)
            found = figures[each.name]
            found["stripped_bytes"] = built.stat().st_size
            found["libraries"], found["libraries_to_ship"], found["bytes_to_ship"] = shared_libraries(built)
            found["wire"] = bytes_on_the_wire(each.name, programs)
        figures["nuncio"]["library_cpu_s"] = library_cold(root, Path(work) / "library")
        print(f"  the library: {number(figures['nuncio']['library_cpu_s'])} s", flush=True)
    return figures


def render(figures: dict, meta: dict) -> str:
    names = list(figures)
    theirs = names[1:]

    def row(title: str, value, bound: str = "") -> str:
        values = {name: value(figures[name]) for name in names}
        cells = [number(values[name]) for name in names]
        cells += [number(values["nuncio"] / values[name]) if values["nuncio"] is not None and values[name] else "–"
                  for name in theirs]
        return f"| {title} | " + " | ".join(cells) + f" | {bound} |"

    lines = ["| | " + " | ".join([*names, *(f"ours / {name}" for name in theirs)]) + " | wanted |",
             "|---|" + "---:|" * (len(names) + len(theirs)) + "---|",
             row("lines that aren't empty", lambda f: f["lines"], "≤ 25"),
             row("compiled and linked from nothing, CPU s", lambda f: median(f["compile_cpu_s"]), "≤ 0.3 of gRPC's"),
             row("stripped program, KiB", lambda f: f["stripped_bytes"] / 1024),
             row("shared libraries that it loads", lambda f: f["libraries"]),
             row("… of which a bare Debian lacks", lambda f: f["libraries_to_ship"]),
             row("… and their size, KiB", lambda f: f["bytes_to_ship"] / 1024),
             row("bytes of a call, caller to what it connects to", lambda f: f["wire"]["hops"][0] if f["wire"] else None),
             row("bytes of a call, all hops", lambda f: sum(f["wire"]["hops"]) if f["wire"] else None)]
    if "gRPC" in figures:
        ours_s, theirs_s = figures["nuncio"]["library_cpu_s"], median(figures["gRPC"]["compile_cpu_s"])
        lines += ["", f"The whole library, from nothing: {number(ours_s)} CPU s, which is {number(ours_s / theirs_s)} of gRPC's echo "
                  "(wanted: ≤ 1)."]
    head = (f"{meta['machine']['cpu']}, {meta['machine']['cores']} cores, {meta['machine']['kernel']}; load before: "
            f"{meta['machine']['load']}. Medians of {meta['rounds']} rounds, in turn; g++ {' '.join(FLAGS)}.")
    return "\n".join([f"# Echo programs, {meta['date']}", "", head, "", *lines]) + "\n"


def run(root: Path, programs: rpc_runs.Programs, rounds: int, meta: dict, folder: Path | None, label: str) -> int:
    figures = measure(root, programs, rounds)
    text = render(figures, meta)
    print("\n" + text, flush=True)
    if folder:
        data = json.dumps({"meta": meta, "results": figures}, indent=1) + "\n"
        path = report.save(folder, text, data, "-".join(filter(None, ("echo", label))))
        print(f"saved: {path} and .json", flush=True)
    return 0
