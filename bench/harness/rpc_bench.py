"""What scripts/bench --rpc does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from . import processes, report, rpc_report, rpc_runs
from .processes import RunError

IDLE = 10_000
IDLE_SECONDS = 30


def programs(server: str, nats_server: str | None) -> rpc_runs.Programs:
    folder = Path(server).parent
    found = rpc_runs.Programs(server, folder / "examples", folder, nats_server,
                              processes.find_program([], "nginx") or processes.find_program(["/usr/sbin/nginx"]))
    missing = [each for each in (found.examples / "echo_client", found.peers / "rpc_open") if not each.exists()]
    if missing:
        sys.exit(f"bench: {missing[0]} isn't built; configure with -DNUNCIO_BENCH_RPC=ON")
    return found


def tell(case: rpc_runs.Case, placement: str, round_number: int, side: str, figures: dict | None,
         error: str | None) -> None:
    if figures:
        rate = "messages_per_s" if case.is_stream else "calls_per_s"
        said = f"{report.number(figures[rate])}/s, CPU {report.number(figures['cpu_us'])} µs"
        if "p50_us" in figures:
            said += f", p50 {report.number(figures['p50_us'])} µs, p99 {report.number(figures['p99_us'])} µs"
    else:
        said = f"FAILED: {error}"
    print(f"  {case.name:11} {placement:7} round {round_number + 1} {side:16} {said}", flush=True)


def memory(found: rpc_runs.Programs) -> list[str]:
    lines = ["", f"{IDLE:,} at a time, open and silent, on one connection:", "",
             "| | client RSS each | service RSS each | messages in 30 s, each |", "|---|---:|---:|---:|"]
    for what, seconds in (("streams", IDLE_SECONDS), ("calls", 1)):
        try:
            figures = rpc_runs.open_calls(found, what, IDLE, seconds)
        except (RunError, ValueError, subprocess.TimeoutExpired) as why:
            lines.append(f"| {what} | FAILED: {why} | | |")
            continue
        # Each ping that comes in is one that went out as an answer, or the other way round.
        messages = 2 * figures["messages_in_each"] if what == "streams" else None
        lines.append(f"| {what} | {report.number(figures['client_bytes_each'])} B | "
                     f"{report.number(figures['service_bytes_each'])} B | "
                     f"{'' if messages is None else report.number(messages)} |")
    return lines


def in_process(found: rpc_runs.Programs, rounds: int) -> list[str]:
    runs = [json.loads(processes.run_tool([str(found.peers / "rpc_in_process"), "1"], timeout=60).stdout)
            for _ in range(rounds)]
    figures = {each: sorted(run[each] for run in runs)[rounds // 2] for each in runs[0]}
    lines = ["", "One call at a time in one process, p50 of the medians:", "", "| broker | TCP µs | in process µs | ratio |",
             "|---|---:|---:|---:|"]
    for name, label in (("threads", "on threads of its own"), ("one_loop", "on the client's loop")):
        tcp, pipe = figures[f"tcp_{name}_us"], figures[f"in_process_{name}_us"]
        lines.append(f"| {label} | {report.number(tcp)} | {report.number(pipe)} | {report.number(pipe / tcp)} |")
    lines.append(f"| in process on the client's loop, against TCP with threads | {report.number(figures['tcp_threads_us'])} | "
                 f"{report.number(figures['in_process_one_loop_us'])} | "
                 f"{report.number(figures['in_process_one_loop_us'] / figures['tcp_threads_us'])} |")
    return lines


def run(found: rpc_runs.Programs, wanted: list[str], rounds: int, seconds: float, meta: dict,
        folder: Path | None, label: str) -> int:
    unknown = set(wanted) - {case.name for case in rpc_runs.CASES} - {"memory", "in-process"}
    if unknown:
        sys.exit(f"bench: no case {', '.join(sorted(unknown))}; there are "
                 f"{', '.join(case.name for case in rpc_runs.CASES)}, memory, in-process")
    results = []
    for case in rpc_runs.CASES:
        if wanted and case.name not in wanted:
            continue
        for placement in ("pinned", "free"):
            results.append(rpc_runs.measure(found, case, placement, rounds, seconds, tell))
    lines = [f"# RPC, {meta['date']}", "",
             f"{meta['machine']['cpu']}, {meta['machine']['cores']} cores, {meta['machine']['kernel']}; load before: "
             f"{meta['machine']['load']}. Medians of {rounds} rounds of {seconds:g} s, the sides in turn. Ours goes through "
             "nuncio-server; gRPC is direct, or behind nginx; the NATS C client goes through nats-server; Thrift is direct, "
             "with a connection and a thread for each call outstanding; the relay copies frames of the size of our messages "
             "and does nothing else. Pinned: all processes on one core.", ""]
    table, met, missed = rpc_report.ratios(results)
    if results:
        lines += [*table, "", f"{met} met, {missed} missed.", "", *rpc_report.table(results)]
    if not wanted or "memory" in wanted:
        lines += memory(found)
    if not wanted or "in-process" in wanted:
        lines += in_process(found, rounds)
    text = "\n".join(lines) + "\n"
    print("\n" + text, flush=True)
    if folder:
        data = json.dumps({"meta": meta, "results": rpc_report.single_runs(results)}, indent=1) + "\n"
        path = report.save(folder, text, data, "-".join(filter(None, ("rpc", label))))
        print(f"saved: {path} and .json", flush=True)
    return 1 if any(f.errors for r in results for f in r.sides.values()) else 0
