"""Runs the examples as their first comments say, and compares what the pages in docs/ quote with them.

    examples_test.py FOLDER SERVER
"""

import pathlib
import re
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


class ExamplesTest(unittest.TestCase):
    def test_hello(self):
        with ServerProcess(SERVER) as server:
            self.assertEqual(run("hello", server.url), (0, "orders.new: 3 lamps for Ada\nlamp costs 42\n", ""))
        self.assertEqual(run("hello", server.url), (1, "", "hello: Connection refused\n"))

    def test_in_process(self):
        self.assertEqual(run("in_process"), (0, "lamp costs 42\n", ""))

    def test_echo(self):
        with ServerProcess(SERVER) as server:
            nobody = "UNAVAILABLE: nobody serves this endpoint [no-responders]\n"
            self.assertEqual(run("echo_caller", server.url), (0, nobody, ""))
            service = subprocess.Popen([pathlib.Path(FOLDER) / "echo_service", server.url], stdout=subprocess.PIPE)
            try:
                self.assertEqual(service.stdout.readline(), b"ready\n")
                self.assertEqual(run("echo_caller", server.url), (0, "hello\n", ""))
                self.assertEqual(run("echo_caller", server.url, ""), (0, "INVALID_ARGUMENT: say something\n", ""))
                service.terminate()
                self.assertEqual(service.wait(10), 0)
            finally:
                service.kill()
                service.communicate()
            self.assertEqual(run("echo_caller", server.url), (0, nobody, ""))

    def test_the_pages_quote_what_is_built(self):
        built = "".join(each.read_text() for each in sorted((ROOT / "examples").glob("*.cpp")))
        for page, expected in (("client.md", 3), ("rpc.md", 2)):
            blocks = re.findall(r"```cpp\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
            self.assertEqual(len(blocks), expected)
            for block in blocks:
                self.assertIn(block, built)


if __name__ == "__main__":
    FOLDER, SERVER = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
