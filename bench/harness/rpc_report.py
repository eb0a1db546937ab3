"""The tables of bench --rpc."""

from __future__ import annotations

from .report import number
from .rpc_runs import CaseResult, verdicts

UNITS = {"calls_per_s": "calls/s", "messages_per_s": "messages/s", "p50_us": "p50 µs", "p99_us": "p99 µs",
         "cpu_us": "CPU µs, all processes"}


def table(results: list[CaseResult]) -> list[str]:
    lines = ["| case | | " + " | ".join(UNITS.values()) + " |", "|---|---|" + "---:|" * len(UNITS)]
    for result in results:
        for name, figures in result.sides.items():
            cells = [number(figures.median(each)) for each in UNITS]
            failed = f" ({len(figures.errors)} runs failed)" if figures.errors else ""
            lines.append(f"| {result.case.name}, {result.placement} | {name}{failed} | " + " | ".join(cells) + " |")
    return lines


def ratios(results: list[CaseResult]) -> tuple[list[str], int, int]:
    lines = ["| case | figure | against | ours / theirs | wanted | |", "|---|---|---|---:|---:|---|"]
    met = missed = 0
    for result in results:
        for figure, other, ratio, bound, way, is_met in verdicts(result):
            if bound is not None:
                met, missed = met + is_met, missed + (not is_met)
            wanted = "" if bound is None else f"{'≥' if way == 'min' else '≤'} {bound:g}"
            lines.append(f"| {result.case.name}, {result.placement} | {UNITS[figure]} | {other} | {number(ratio)} | "
                         f"{wanted} | {'' if is_met else '**missed**'} |")
    return lines, met, missed


def single_runs(results: list[CaseResult]) -> list[dict]:
    return [{"case": r.case.name, "placement": r.placement, "side": name, "runs": figures.runs,
             "errors": figures.errors} for r in results for name, figures in r.sides.items()]
