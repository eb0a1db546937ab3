"""The table and the files of results."""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path

from .rows import CPU, FIGURES, RATE, Target, figure_name
from .runs import Figures, RowResult


def machine() -> dict:
    model = platform.processor()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return {"cpu": model or "unknown", "cores": len(os.sched_getaffinity(0)),
            "kernel": f"{platform.system()} {platform.release()}",
            "load": " ".join(f"{x:.2f}" for x in os.getloadavg())}


def number(value: float | None) -> str:
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


PEER = "nats-server"


class Verdicts:
    """Compares figures with targets; needs all rows, since some targets name another one."""

    def __init__(self, results: list[RowResult]):
        self._by_name = {r.row.name: r for r in results}
        self.missed: list[str] = []
        self.met = 0

    def value(self, result: RowResult, target: Target) -> float | None:
        ours = result.ours.median(target.figure)
        if target.against == "own":
            return ours
        if target.against == "peer":
            # What is aimed at is aimed at against the other broker, not against ourselves.
            other = result.peer if result.labels[1] == PEER else None
        elif target.against == "floor":
            other = result.floor
        else:
            named = self._by_name.get(target.against)
            other = named.ours if named else None
        base = other.median(target.figure) if other else None
        return ours / base if ours is not None and base else None

    def cells(self, result: RowResult, target: Target) -> tuple[str, str, str]:
        """Value, bound and verdict of one target."""
        value = self.value(result, target)
        if value is None:
            return "–", target.text(), "–"
        if target.figure == RATE and is_bound(result):
            return number(value), target.text(), "generator-bound"
        if target.is_met(value):
            self.met += 1
            return number(value), target.text(), "yes"
        self.missed.append(f"{result.row.name}: {figure_name(result.row, target.figure)} "
                           f"{number(value)}, {target.text()}")
        return number(value), target.text(), "**no**"


def is_bound(result: RowResult) -> bool:
    return result.ours.is_generator_bound() or (
        result.peer is not None and result.peer.is_generator_bound())


def _share(figures: Figures | None) -> str:
    share = figures.median("generator_cpu_share") if figures else None
    return "–" if share is None else f"{share:.0%}"


def _row_lines(result: RowResult, verdicts: Verdicts) -> list[tuple[str, ...]]:
    lines = []
    title = result.row.name + (" (generator-bound)" if is_bound(result) else "")
    for figure in result.row.figures:
        ours = result.ours.median(figure)
        peer = result.peer.median(figure) if result.peer else None
        if ours is None and peer is None:
            continue
        divisor = FIGURES[figure][1]
        ratio = number(ours / peer) if ours is not None and peer else "–"
        targets = [t for t in result.row.targets if t.figure == figure]
        first = [t for t in targets if t.against in ("peer", "own")][:1]
        bound = verdict = ""
        if first:
            _, bound, verdict = verdicts.cells(result, first[0])
        lines.append((title, figure_name(result.row, figure),
                      number(None if ours is None else ours / divisor),
                      number(None if peer is None else peer / divisor), ratio, bound, verdict))
        title = ""
        for t in targets:
            if t in first:
                continue
            value, bound, verdict = verdicts.cells(result, t)
            lines.append((title, f"… against {t.against}", "", "", value, bound, verdict))
        if figure == CPU and result.floor and not any(t.against == "floor" for t in targets):
            value = verdicts.value(result, Target(CPU, at_most=0, against="floor"))
            lines.append((title, "… against floor", "", "", number(value), "", ""))
        if figure == CPU and result.floor:
            lines.append((title, "… the floor", number(result.floor.median(CPU)), "", "", "", ""))
    if result.ours.median("generator_cpu_share") is not None:
        lines.append((title, "generator's share of a core", _share(result.ours),
                      _share(result.peer), "", "", ""))
    return lines


def _failures(result: RowResult) -> list[str]:
    lines = []
    for label, figures in zip((*result.labels, "floor"), (result.ours, result.peer, result.floor)):
        for error in sorted(set(figures.errors)) if figures else ():
            times = figures.errors.count(error)
            runs = len(figures.errors) + len(figures.runs)
            lines.append(f"- **FAILED**: {result.row.name}, {label}, {times} of {runs} runs: "
                         f"{error}")
    return lines


def _table(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]

    def text(cells: tuple[str, ...]) -> str:
        padded = (c.ljust(w) if i < 2 else c.rjust(w)
                  for i, (c, w) in enumerate(zip(cells, widths)))
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join(("-" * (w + 2)) if i < 2 else ("-" * (w + 1) + ":")
                          for i, w in enumerate(widths)) + "|"
    return [text(head), rule, *map(text, lines)]


def render(results: list[RowResult], meta: dict) -> str:
    verdicts = Verdicts(results)
    out = [f"# Broker benchmark, {meta['date']}" + (f", {meta['label']}" if meta["label"] else ""),
           "",
           f"- machine: {meta['machine']['cpu']}, {meta['machine']['cores']} cores, "
           f"{meta['machine']['kernel']}, load {meta['machine']['load']}",
           f"- priority: {meta['priority']}",
           *(f"- {label}: {version}" for label, version in meta["versions"].items()),
           f"- medians of {meta['rounds']} round(s), the servers in turn, a fresh process each "
           f"run; seconds per run: {meta['seconds'] or 'as each case has it'}", ""]
    groups: list[tuple[tuple[str, str], list[RowResult]]] = []
    for r in results:
        if not groups or groups[-1][0] != r.labels:
            groups.append((r.labels, []))
        groups[-1][1].append(r)
    for (ours, peer), group in groups:
        lines = [line for r in group for line in _row_lines(r, verdicts)]
        head = ("case", "figure", ours, peer or "(alone)", "ratio", "target", "met")
        failures = [f for r in group for f in _failures(r)]
        out += [*_table(head, lines), "", *failures, *([""] if failures else [])]
    if any(is_bound(r) for r in results):
        out += ["generator-bound: the generator used more than 85 % of a core, so the throughput "
                "says nothing about the server; its CPU per message does.", ""]
    if verdicts.met or verdicts.missed:
        out += [f"Targets met: {verdicts.met} of {verdicts.met + len(verdicts.missed)}."]
        out += [f"- missed: {m}" for m in verdicts.missed]
    return "\n".join(out).rstrip() + "\n"


def to_json(results: list[RowResult], meta: dict) -> str:
    def figures(f: Figures | None) -> dict | None:
        return None if f is None else {"runs": f.runs, "errors": f.errors}

    rows = [{"row": r.row.name, "case": r.row.case, "args": list(r.row.args),
             "labels": list(r.labels), "ours": figures(r.ours), "peer": figures(r.peer),
             "floor": figures(r.floor)} for r in results]
    return json.dumps({**meta, "rows": rows}, indent=1) + "\n"


def save(folder: Path, text: str, data: str, label: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stem = datetime.date.today().isoformat() + (f"-{label}" if label else "")
    path = folder / f"{stem}.md"
    for i in range(2, 1000):  # never over an earlier result
        if not path.exists():
            break
        path = folder / f"{stem}-{i}.md"
    path.write_text(text)
    path.with_suffix(".json").write_text(data)
    return path
