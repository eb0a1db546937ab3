#!/usr/bin/env python3
"""Checks that every block of C, C++ and protobuf in the pages stands in a file that this build compiles.

    pages.py ours|protobuf|grpc|nats_c COMPILE_COMMANDS

Each block belongs to one part, by the file where it stands. A block that stands in no file is an error of all parts. A
part whose libraries aren't there is skipped (status 77). Blocks may be indented less than where they stand.
"""

import collections
import json
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SNIPPETS = "tests/snippets/"
# Files whose libraries may be missing: part -> (files, what is missing then).
OPTIONAL = {
    "protobuf": ({"from_grpc_protobuf.cpp"}, "protobuf (scripts/bootstrap --dev)"),
    "grpc": ({"from_grpc_theirs.cpp", "shop.proto"}, "gRPC (scripts/bootstrap --rpc-peers)"),
    "nats_c": ({"from_nats_c.c"}, "the NATS C client (scripts/bootstrap --dev)"),
}
LANGUAGES = {"c": (".c",), "proto": (".proto",), "cpp": (".cpp", ".hpp")}
# Spellings that would keep a block from being looked at.
WRONG = {"c++", "cc", "cxx", "hpp", "h", "C", "CPP", "protobuf"}


def compiled(commands):
    """What the build compiles of the folders that pages quote, with what lies beside and is included in quotes."""
    built = set()
    for entry in json.loads(pathlib.Path(commands).read_text()):
        file = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if not file.is_relative_to(ROOT):
            continue
        name = file.relative_to(ROOT).as_posix()
        if name.startswith(("examples/", SNIPPETS, "bench/echo/")):
            built.add(name)
            for header in re.findall(r'^#include "([\w./]+)"', file.read_text(), re.MULTILINE):
                beside = (file.parent / header).resolve()
                if beside.is_file():
                    built.add(beside.relative_to(ROOT).as_posix())
        # What protoc made of a .proto file that lies with us.
        elif name.endswith(".grpc.pb.cc") and f"/{SNIPPETS}" in name:
            built.add(SNIPPETS + file.name.replace(".grpc.pb.cc", ".proto"))
    return built


def blocks():
    """(page, line, language, text) of each block in a fence."""
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]):
        text = page.read_text()
        for found in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 1
            yield page.relative_to(ROOT).as_posix(), line, found[1].strip(), textwrap.dedent(found[2])


def stands_in(block, text):
    return any("\n" + textwrap.indent(block, " " * depth) in "\n" + text for depth in range(0, 10, 2))


def part_of(name):
    file = name.removeprefix(SNIPPETS)
    return next((part for part, (files, _) in OPTIONAL.items() if file in files), "ours")


def main():
    part, built = sys.argv[1], compiled(sys.argv[2])
    optional = {SNIPPETS + file for files, _ in OPTIONAL.values() for file in files}
    texts = {name: (ROOT / name).read_text() for name in sorted(built | optional)}
    counts = collections.Counter()
    problems = []
    for page, line, language, block in blocks():
        if language in WRONG:
            problems.append(f"{page}:{line}: say {', '.join(LANGUAGES)} instead of {language}")
        if language not in LANGUAGES:
            continue
        homes = [name for name, text in texts.items() if name.endswith(LANGUAGES[language]) and stands_in(block, text)]
        if not homes:
            problems.append(f"{page}:{line}: this block stands in no file that is compiled:\n{block}")
        counts.update({part_of(name) for name in homes})
    if part != "ours":
        files, what = OPTIONAL[part]
        missing = {SNIPPETS + file for file in files} - built
        if missing and not problems:
            print(f"SKIP {counts[part]} blocks aren't compiled: {what} is not there")
            return 77
        problems += [f"{file} isn't compiled" for file in missing]
    if counts[part] == 0:
        problems.append(f"there is no block of part {part}")
    print("\n".join(problems) or f"{counts[part]} blocks are compiled")
    return 1 if problems else 0


sys.exit(main())
