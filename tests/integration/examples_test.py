"""Runs the examples as their first comments say, and compares what docs/client.md quotes with them.

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

    def test_the_page_quotes_what_is_built(self):
        built = (ROOT / "examples" / "hello.cpp").read_text()
        blocks = re.findall(r"```cpp\n(.*?)```", (ROOT / "docs" / "client.md").read_text(), re.DOTALL)
        self.assertEqual(len(blocks), 2)
        for block in blocks:
            self.assertIn(block, built)


if __name__ == "__main__":
    FOLDER, SERVER = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
