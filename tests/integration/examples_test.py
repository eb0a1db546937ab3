"""Runs the examples as their first comments say.

    examples_test.py FOLDER SERVER
"""

import contextlib
import json
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support" / "python"))

from server_process import ServerProcess  # noqa: E402

FOLDER = SERVER = None


def run(name, *arguments):
    """(exit status, stdout, stderr)"""
    done = subprocess.run([pathlib.Path(FOLDER) / name, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=20, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@contextlib.contextmanager
def started(name, *arguments, first="ready"):
    """One that runs until it is told to stop, once it has said its first line."""
    with subprocess.Popen([pathlib.Path(FOLDER) / name, *arguments], stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout.readline() == first + "\n"
            yield program
            stop(program)
        finally:
            program.kill()


def stop(program):
    """What it says in the end."""
    program.terminate()
    assert program.wait(10) == 0, program.stdout.read()
    return program.stdout.read()


class ExamplesTest(unittest.TestCase):
    def test_hello(self):
        with ServerProcess(SERVER) as server:
            self.assertEqual(run("hello", server.url), (0, "orders.new: 3 lamps for Ada\nlamp costs 42\n", ""))
        self.assertEqual(run("hello", server.url), (1, "", "hello: Connection refused\n"))

    def test_blocking(self):
        with ServerProcess(SERVER) as server:
            self.assertEqual(run("blocking", server.url), (0, "orders.new: 3 lamps for Ada\nlamp costs 42\n", ""))
        self.assertEqual(run("blocking", server.url), (1, "", "blocking: Connection refused\n"))

    def test_in_process(self):
        self.assertEqual(run("in_process"), (0, "lamp costs 42\n", ""))

    def test_echo(self):
        with ServerProcess(SERVER) as server:
            nobody = "UNAVAILABLE: nobody serves this endpoint [no-responders]\n"
            self.assertEqual(run("echo_caller", server.url), (0, nobody, ""))
            with started("echo_service", "--server", server.url):
                self.assertEqual(run("echo_caller", server.url), (0, "hello 42\n", ""))
                self.assertEqual(run("echo_caller", server.url, ""), (0, "INVALID_ARGUMENT: say something\n", ""))
            self.assertEqual(run("echo_caller", server.url), (0, nobody, ""))

    def test_the_pair_that_measures(self):
        def measured(server, *flags):
            status, out, errors = run("echo_client", "--server", server.url, "--seconds", "0.2", *flags)
            self.assertEqual((status, errors), (0, ""))
            return json.loads(out.splitlines()[-1])

        with ServerProcess(SERVER) as server:
            limits = ("--max-concurrent", "5000", "--max-per-caller", "500")
            with started("echo_service", "--server", server.url, *limits):
                for flags in ((), ("--connections", "3", "--outstanding", "300")):
                    found = measured(server, *flags)
                    self.assertEqual(set(found), {"calls_per_s", "p50_us", "p99_us", "cpu_us_per_call"})
                    self.assertTrue(all(each > 0 for each in found.values()), found)
                for size in ("1", "128", "16384"):
                    found = measured(server, "--stream", size)
                    self.assertEqual(set(found), {"messages_per_s", "cpu_us_per_message"})
                    self.assertTrue(all(each > 0 for each in found.values()), found)
            status, out, errors = run("echo_client", "--server", server.url, "--seconds", "0.2")
            self.assertEqual((status, out), (1, ""))
            self.assertIn("nobody serves this endpoint", errors)
            with started("echo_service", "--server", server.url, "--max-per-caller", "3"):
                status, _, errors = run("echo_client", "--server", server.url, "--outstanding", "9")
                self.assertEqual(status, 1)
                self.assertIn("RESOURCE_EXHAUSTED", errors)
        self.assertEqual(run("echo_client", "--server", server.url)[0], 1)

    def test_ticker(self):
        with ServerProcess(SERVER) as server:
            self.assertEqual(run("ticker", server.url), (0, "1 tick\n2 tock\n3 tick\n4 tock\nthat was all\n", ""))
        status, out, errors = run("ticker", server.url)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("Connection refused", errors)

    def test_chat(self):
        def say(to, text):
            to.stdin.write(text.encode())
            to.stdin.flush()

        def join(name):
            return subprocess.Popen([pathlib.Path(FOLDER) / "chat", name, server.url], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE)

        with ServerProcess(SERVER) as server, started("chat", "serve", server.url):
            with join("Ada") as ada:
                say(ada, "hello\n")
                self.assertEqual(ada.stdout.readline(), b"Ada: hello\n")
                with join("Bob") as bob:
                    say(bob, "it's me\n")
                    self.assertEqual(bob.stdout.readline(), b"Bob: it's me\n")
                    self.assertEqual(ada.stdout.readline(), b"Bob: it's me\n")
                    bob.stdin.close()
                    self.assertEqual(bob.wait(10), 0)
                say(ada, "bye\n")
                self.assertEqual(ada.stdout.readline(), b"Ada: bye\n")
                ada.stdin.close()
                self.assertEqual(ada.wait(10), 0)

    def test_rolling_update(self):
        def instance(version):
            return started("rolling_update", "serve", version, server.url)

        def served(program):
            return int(stop(program).removesuffix(" calls served\n"))

        with ServerProcess(SERVER) as server, instance("1.0.0") as one, instance("1.0.0") as two, \
             started("rolling_update", "call", server.url, first="1.0.0 answers") as caller:
            with instance("2.0.0") as three:
                self.assertEqual(caller.stdout.readline(), "2.0.0 answers\n")
                old = served(one)
                with instance("2.0.0") as four:
                    old += served(two)
                    told = stop(caller)
                    new = served(three) + served(four)
        self.assertEqual(told, f"1.0.0 answered {old} calls\n2.0.0 answered {new} calls\nnone failed\n")

    def test_a_rolling_update_that_fails(self):
        with ServerProcess(SERVER) as server, started("rolling_update", "serve", "1.0.0", server.url) as only:
            with subprocess.Popen([pathlib.Path(FOLDER) / "rolling_update", "call", server.url], stdout=subprocess.PIPE,
                                  text=True) as caller:
                self.assertEqual(caller.stdout.readline(), "1.0.0 answers\n")
                stop(only)
                self.assertIn("nobody serves this endpoint", caller.stdout.readline())
                caller.terminate()
                self.assertEqual(caller.wait(10), 1)
                self.assertRegex(caller.stdout.read(), r"\n\d+ failed\n$")

    def test_careful_caller(self):
        counted = "echo.unary: 1 call\n# HELP nuncio_rpc_calls_total Calls that have ended, by status code.\n"
        with ServerProcess(SERVER) as server:
            self.assertEqual(run("careful_caller", server.url), (
                0, "nothing to be had: no-responders\n" + counted, "unary failed: nobody serves this endpoint\n"))
            with started("echo_service", "--server", server.url):
                self.assertEqual(run("careful_caller", server.url), (0, "hello\n" + counted, ""))


if __name__ == "__main__":
    FOLDER, SERVER = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
