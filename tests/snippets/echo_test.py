"""The echo program from nothing, which bench/echo compares with others': it works, and is as short as is said.

    echo_test.py PROGRAM SERVER
"""

import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support" / "python"))

from server_process import ServerProcess  # noqa: E402

PROGRAM = SERVER = None


class EchoTest(unittest.TestCase):
    def test_it_says_what_it_was_told(self):
        with ServerProcess(SERVER) as server:
            done = subprocess.run([PROGRAM, server.url], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"hello 42\n", b""))

    def test_it_has_25_lines_at_most(self):
        text = (ROOT / "bench" / "echo" / "nuncio_echo.cpp").read_text()
        lines = [line for line in text.splitlines() if line.strip()]
        self.assertLessEqual(len(lines), 25)
        self.assertLessEqual(max(map(len, lines)), 100)


if __name__ == "__main__":
    PROGRAM, SERVER = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
