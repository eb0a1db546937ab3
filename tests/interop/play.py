#!/usr/bin/env python3
"""Plays transcripts of the client protocol on a server and checks, byte by byte, what comes back.

    play.py --server PATH [--reference PATH | --peers DIR] [--match TEXT] [FILE...]

With --reference every case is played on both programs, and what they sent is compared as well (after replacing what differs
from one start to the next, such as server ids). See README.md for the format of the transcripts.
"""

import argparse
import concurrent.futures
import difflib
import os
import pathlib
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support" / "python"))

from playing.player import Player  # noqa: E402
from playing.transcript import BadTranscript, read_transcript  # noqa: E402
from server_process import ServerProcess, StartError, missing_flags  # noqa: E402


class Servers:
    """Servers to play on. One that served a case without trouble serves the next one with the same flags and configuration."""

    def __init__(self):
        self.lock = threading.Lock()
        self.idle = {}
        self.all = []

    def acquire(self, path, flags, config, alone):
        key = (path, tuple(flags), config)
        with self.lock:
            if not alone and self.idle.get(key):
                return self.idle[key].pop()
            server = ServerProcess(path, flags, config=config or None)
            self.all.append(server)
        return server.start()

    def release(self, server, reusable):
        if reusable and server.alive():
            with self.lock:
                self.idle.setdefault((server.path, tuple(server.arguments), server.config or ""), []).append(server)
        else:
            server.stop()

    def stop(self):
        for server in self.all:
            server.stop()


def play_case(servers, path, case, timeout):
    try:
        server = servers.acquire(path, case.flags, case.config, case.alone)
    except (StartError, OSError) as error:
        return [], f"{case.file.name}:{case.number}: {error}"
    record, problem = [], "stopped"
    log_start = len(server.log)
    expected_to_end = any(s.words[:1] == ["signal"] for s in case.steps)
    try:
        record, problem = Player(case, server, timeout).play()
        if not server.alive() and not expected_to_end:
            problem = f"{problem or case.label}\nthe server ended with {server.wait()}"
        if problem:
            log = server.log[log_start:].splitlines()[-8:]
            problem += "".join(f"\n    server log: {line}" for line in log)
    finally:
        servers.release(server, problem is None and not case.alone)
    return record, problem


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="program under test")
    parser.add_argument("--reference", help="program to compare with")
    parser.add_argument("--peers", help="folder whose nats-server, if there, is the reference (else NUNCIO_PEERS)")
    parser.add_argument("--default-peers", help="such a folder if neither --peers nor NUNCIO_PEERS names one")
    parser.add_argument("--match", help="only cases whose label contains this text")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for one expected thing")
    parser.add_argument("--jobs", type=int, default=6, help="cases played at the same time")
    parser.add_argument("--list", action="store_true", help="only name the cases")
    parser.add_argument("-v", "--verbose", action="store_true", help="name the cases that pass as well")
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="transcripts; all of them if none is named")
    options = parser.parse_args()

    reference = options.reference
    peers = options.peers or os.environ.get("NUNCIO_PEERS") or options.default_peers
    if reference is None and peers:
        reference = os.path.join(peers, "nats-server")
    if reference and not os.access(reference, os.X_OK):
        print(f"no reference: {reference} is not there; checking only against what the transcripts say")
        reference = None

    try:
        cases = [case for file in options.files or sorted((HERE / "transcripts").glob("*.txt")) for case in read_transcript(file)]
    except BadTranscript as error:
        print(error)
        return 2
    if options.match:
        cases = [case for case in cases if options.match in case.label]
    if options.list:
        print("\n".join(f"{case.file.name}:{case.number}: {case.title}" for case in cases))
        return 0
    if not cases:
        print("no cases")
        return 2

    begin = time.monotonic()
    servers = Servers()
    paths = [options.server] + ([reference] if reference else [])
    for path in paths:
        try:
            servers.release(servers.acquire(path, [], "", False), True)
        except (StartError, OSError) as error:
            print(f"{path} does not start: {error}")
            return 2
    skipped = 0
    for case in list(cases):
        for path in paths:
            missing = missing_flags(path, case.flags)
            if missing:
                print(f"SKIP {case.label}: {path} does not take {' '.join(missing)}")
                cases.remove(case)
                skipped += 1
                break
    # Cases that wait for timers go first and do not take the place of others.
    slow = [case for case in cases if case.slow]
    quick = [case for case in cases if not case.slow]
    failures = 0
    try:
        with concurrent.futures.ThreadPoolExecutor(max(1, len(slow) * len(paths))) as waiting, \
                concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            runs = {(case, path): waiting.submit(play_case, servers, path, case, options.timeout) for case in slow for path in paths}
            runs |= {(case, path): pool.submit(play_case, servers, path, case, options.timeout) for case in quick for path in paths}
            for case in cases:
                results = [runs[case, path].result() for path in paths]
                # The reference has races of its own, and its answers are what is compared with, not what is tested.
                if reference and results[1][1]:
                    print(f"AGAIN {case.label}: {reference}: {results[1][1].splitlines()[0]}")
                    results[1] = play_case(servers, reference, case, options.timeout)
                failures += report(case, paths, results, options.verbose)
    finally:
        servers.stop()
    print(f"{len(cases)} cases, {failures} failed, {skipped} skipped, {time.monotonic() - begin:.1f} s"
          + (f", compared with {reference}" if reference else ""))
    return 1 if failures else 0


def report(case, paths, results, verbose):
    """Prints what went wrong with one case; 1 if it failed."""
    bad = False
    for path, (_, problem) in zip(paths, results):
        if problem:
            if not bad:
                print(f"FAIL {case.label}")
            bad = True
            print(f"  {path}\n    " + problem.replace("\n", "\n    "))
    if len(results) == 2 and results[0][0] != results[1][0]:
        if not bad:
            print(f"FAIL {case.label}")
        bad = True
        for line in difflib.unified_diff(results[1][0], results[0][0], "reference", "server", lineterm="", n=2):
            print("    " + line)
    if not bad and verbose:
        print(f"ok   {case.label}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
