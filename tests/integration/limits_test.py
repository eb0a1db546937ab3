"""Limits that nuncio-server has and nats-server hasn't, against real processes.

    limits_test.py SERVER
"""

import pathlib
import socket
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support" / "python"))

from server_process import ServerProcess  # noqa: E402

TIMEOUT = 20
SERVER = None
ACCOUNTS = """
accounts {
  A { users: [ { user: a, password: x }, { user: b, password: x } ] }
  B { users: [ { user: c, password: x } ] }
}
"""


class Client:
    """A raw connection, perhaps from another address of this machine, that has said CONNECT."""

    def __init__(self, port, user="", source="127.0.0.1", header=b"", protocol=0):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT, (source, 0))
        self.file = self.socket.makefile("rb")
        self.info = self.file.readline()
        credentials = f',"user":"{user}","pass":"x"' if user else ""
        try:
            self.socket.sendall(header + f'CONNECT {{"verbose":false,"protocol":{protocol}{credentials}}}\r\nPING\r\n'.encode())
        except OSError:
            pass
        try:
            self.answer = self.file.readline().decode().strip()
            while self.answer.startswith("INFO"):
                self.answer = self.file.readline().decode().strip()
        except OSError:
            self.answer = ""

    def close(self):
        self.file.close()
        self.socket.close()


class LimitsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = pathlib.Path(folder.name) / "server.conf"

    def serving(self, text):
        self.config.write_text(text)
        server = ServerProcess(SERVER, ["-c", str(self.config)])
        self.addCleanup(server.stop)
        return server.start()

    def reload(self, server, text):
        self.config.write_text(text)
        seen = len(server.lines)
        server.signal("HUP")
        self.assertIsNotNone(server.wait_for_log_after("Reloaded server configuration", seen))

    def client(self, server, *arguments, **more):
        one = Client(server.port, *arguments, **more)
        self.addCleanup(one.close)
        return one

    def let_in(self, server, *arguments, **more):
        one = self.client(server, *arguments, **more)
        self.assertEqual(one.answer, "PONG")
        return one

    def refused(self, server, error, *arguments, **more):
        one = self.client(server, *arguments, **more)
        self.assertEqual(one.answer, f"-ERR '{error}'")
        self.assertEqual(one.file.readline(), b"")

    def comes_in(self, server, *arguments, **more):
        """As soon as the server has noticed that another one has gone."""
        end = time.monotonic() + TIMEOUT
        while True:
            one = self.client(server, *arguments, **more)
            if one.answer == "PONG":
                return one
            one.close()
            self.assertLess(time.monotonic(), end)

    OF_ADDRESS = "maximum connections exceeded"
    OF_USER = "maximum account active connections exceeded"

    def test_an_address_has_so_many_connections(self):
        server = self.serving("max_connections_per_address: 2")
        mine = [self.let_in(server), self.let_in(server)]
        for _ in range(5):
            self.refused(server, self.OF_ADDRESS)
        self.let_in(server, source="127.0.0.2")
        mine.pop().close()
        self.comes_in(server)
        self.refused(server, self.OF_ADDRESS)
        self.assertIsNotNone(server.wait_for_log("Too many connections of this address"))
        lines = [line for line in server.lines if "Too many connections of this address" in line]
        self.assertGreaterEqual(len(lines), 1)
        self.assertLess(len(lines), 6)

    def test_behind_a_proxy_it_is_the_clients_address(self):
        server = self.serving("max_connections_per_address: 1\nproxy_protocol: true")
        first = self.let_in(server, header=b"PROXY TCP4 10.0.0.1 10.0.0.9 1 2\r\n")
        self.let_in(server, header=b"PROXY TCP4 10.0.0.2 10.0.0.9 1 2\r\n")
        self.let_in(server)
        self.refused(server, self.OF_ADDRESS, header=b"PROXY TCP4 10.0.0.1 10.0.0.9 1 2\r\n")
        first.close()
        self.comes_in(server, header=b"PROXY TCP4 10.0.0.1 10.0.0.9 1 2\r\n")

    def test_a_user_has_so_many_connections(self):
        server = self.serving("max_connections_per_user: 2" + ACCOUNTS)
        mine = [self.let_in(server, "a"), self.let_in(server, "a")]
        self.refused(server, self.OF_USER, "a")
        self.let_in(server, "b")
        self.let_in(server, "c")
        mine.pop().close()
        self.comes_in(server, "a")
        self.refused(server, self.OF_USER, "a")

    def test_who_says_connect_again_is_counted_once_and_as_who_it_is_then(self):
        server = self.serving("max_connections_per_user: 1" + ACCOUNTS)
        one = self.let_in(server, "a")
        for user in ("a", "b", "c", "a", "a"):
            one.socket.sendall(f'CONNECT {{"verbose":false,"user":"{user}","pass":"x"}}\r\nPING\r\n'.encode())
            self.assertEqual(one.file.readline(), b"PONG\r\n")
        self.let_in(server, "b")
        self.let_in(server, "c")
        self.refused(server, self.OF_USER, "a")

    def test_a_reload_counts_those_who_are_there(self):
        limits = "max_connections_per_user: {0}\nmax_connections_per_address: {1}\n"
        server = self.serving(ACCOUNTS)
        mine = [self.let_in(server, "a") for _ in range(3)]
        self.reload(server, limits.format(2, 0) + ACCOUNTS)
        self.refused(server, self.OF_USER, "a")
        for one in mine:  # they stay
            one.socket.sendall(b"PING\r\n")
            self.assertEqual(one.file.readline(), b"PONG\r\n")
        self.reload(server, limits.format(0, 3) + ACCOUNTS)
        self.refused(server, self.OF_ADDRESS, "b")
        self.reload(server, ACCOUNTS)
        mine.append(self.let_in(server, "a"))
        self.reload(server, limits.format(4, 4) + ACCOUNTS)
        self.refused(server, self.OF_ADDRESS, "a")
        self.refused(server, self.OF_USER, "a", source="127.0.0.3")
        for one in mine:
            one.close()
        for _ in range(4):
            self.comes_in(server, "a")
        self.refused(server, self.OF_USER, "a", source="127.0.0.3")

    def test_a_user_who_is_gone_is_not_counted_as_somebody_else(self):
        limit = "max_connections_per_user: 1\n"
        server = self.serving(limit + "authorization { users: [ {user: a, password: x, permissions: {publish: q}} ] }")
        one = self.let_in(server, "a")
        self.reload(server, limit)
        one.close()
        again = self.let_in(server)
        self.reload(server, limit + "authorization { users: [ {user: a, password: x} ] }")
        again.close()
        self.comes_in(server, "a")

    def test_a_reload_counts_for_those_who_are_there(self):
        def accounts(payload):
            return f"accounts {{ A {{ users: [ {{ user: a, password: x }} ], limits {{ max_payload: {payload} }} }} }}"

        server = self.serving("ping_interval: 2m\n" + accounts(1000))
        one = self.let_in(server, "a", protocol=1)
        self.reload(server, "ping_interval: 2m\n" + accounts(100))
        line = one.file.readline()
        while b'"max_payload":100,' not in line:
            self.assertTrue(line.startswith((b"INFO", b"PING")), line)
            line = one.file.readline()
        # The first PING comes soon in any case, the next after the interval.
        self.reload(server, "ping_interval: 200ms\nping_max: 100\n" + accounts(100))
        for _ in range(3):
            self.assertEqual(one.file.readline(), b"PING\r\n")

    def test_new_connections_come_in_at_a_pace_and_those_who_are_there_do_not_wait(self):
        server = self.serving("max_accepts: 50")
        first = self.let_in(server)
        begin = time.monotonic()
        crowd = [socket.create_connection(("127.0.0.1", server.port), TIMEOUT) for _ in range(50)]
        first.socket.sendall(b"PING\r\n")
        self.assertEqual(first.file.readline(), b"PONG\r\n")
        self.assertLess(time.monotonic() - begin, 0.5)
        for one in crowd:
            self.assertTrue(one.recv(5).startswith(b"INFO"))
            one.close()
        self.assertGreater(time.monotonic() - begin, 0.9)


if __name__ == "__main__":
    SERVER = sys.argv.pop(1)
    unittest.main()
