#!/usr/bin/env python3
"""examples/polyglot: a caller in Python, a service in C++, and one in Go that it calls.

    polyglot.py --server PATH [--peers DIR] --examples DIR
"""

import contextlib
import os
import subprocess
import sys

from real_clients import HERE, ServerProcess, background, need_nats_py, parse, peer, run_tests

CALLER = HERE.parent.parent / "examples" / "polyglot" / "caller.py"


def order(server, item, count):
    """(exit status, what was said)"""
    done = subprocess.run([sys.executable, CALLER, item, count, server.url], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=30, check=False)
    return done.returncode, (done.stdout + done.stderr).rstrip()


@contextlib.contextmanager
def ready(program, server):
    with background([program, server.url]) as service:
        service.wait_for("ready\n")
        yield
        service.process.terminate()
        assert service.finish() == (0, "ready\n"), service.text


def test_three_languages(options):
    orders = os.path.join(options.examples, "polyglot_orders")
    with ServerProcess(options.server) as server, ready(orders, server):
        # From C++ to Python.
        assert order(server, "lamp", "0") == (1, "400: how many?")
        assert order(server, "lamp", "3") == (1, "503: nobody serves this endpoint")
        with ready(peer(options, "prices"), server):
            assert order(server, "lamp", "3") == (0, "12600")
            # From Go to C++, which turns it into another one.
            assert order(server, "sofa", "1") == (1, "400: not for sale: there is no sofa")
        assert order(server, "lamp", "3") == (1, "503: nobody serves this endpoint")


def main():
    options = parse(__doc__, ("--examples", {"required": True, "help": "folder with our examples"}))
    peer(options, "prices")
    need_nats_py(options)
    return run_tests([test_three_languages], options)


if __name__ == "__main__":
    sys.exit(main())
