"""What the checks share: the project's sources, and how each of them is compiled."""

import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def sources(*patterns):
    """The project's files that match git patterns, as paths below the root."""
    command = [ROOT / "scripts" / "lib" / "sources", *patterns]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def load(preset):
    """Compiler arguments by what is compiled (path below the root), without launcher, compiler, input and outputs."""
    path = ROOT / "build" / preset / "compile_commands.json"
    if not path.exists():
        sys.exit(f"there is no {path.relative_to(ROOT)}; run scripts/build {preset} first")
    flags = {}
    for entry in json.loads(path.read_text()):
        source = os.path.relpath(os.path.join(entry["directory"], entry["file"]), ROOT)
        if source.endswith((".cpp", ".cxx")) and not source.startswith(".."):
            flags[source] = strip(shlex.split(entry["command"]), entry["file"])
    return flags


def strip(arguments, source):
    first = next(i for i, word in enumerate(arguments) if word.startswith("-"))
    kept, rest = [], iter(arguments[first:])
    for word in rest:
        if word in ("-o", "-MF", "-MT", "-MQ"):
            next(rest)
        elif word not in ("-c", "-MD", "-MMD", source):
            kept.append(word)
    return kept
