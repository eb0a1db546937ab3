"""What a configuration file does to nuncio-server, and what a new one does to it while it runs.

    configuration_test.py SERVER [DEFAULT_PEERS]

Every wait is for something to happen: a line of the log, an answer, an exit. Digests are compared with those of nats-server, if
it is among the peers (NUNCIO_PEERS, or the second argument).
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support" / "python"))

from server_process import ServerProcess  # noqa: E402

TIMEOUT = 20
SERVER = None
REFERENCE = None
RELOADED = "Reloaded server configuration"
REFUSED = "Failed to reload server configuration"


class Client:
    """A raw connection that has said CONNECT, and has been heard unless `heard` is false."""

    def __init__(self, port, heard=True, **connect):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.file = self.socket.makefile("rb")
        self.info = self.read_info()
        self.say("CONNECT " + json.dumps({"verbose": False, "protocol": 1, **connect}) + "\r\nPING")
        if heard:
            assert self.line() == "PONG"
            self.info = self.read_info()

    def read_info(self):
        line = self.line()
        assert line.startswith("INFO "), line
        return json.loads(line[5:])

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def line(self):
        """The next line, or None at the end."""
        raw = self.file.readline()
        return raw.decode().rstrip("\r\n") if raw else None

    def ping(self):
        """All that came before the PONG."""
        self.say("PING")
        lines = []
        while (line := self.line()) not in ("PONG", None):
            lines.append(line)
        return lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


class ConfigurationTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / "server.conf"

    def run_server(self, *arguments, environment=None):
        """(exit status, stderr, stdout) of a run that ends by itself."""
        done = subprocess.run([SERVER, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False,
                              env={**os.environ, **(environment or {})})
        return done.returncode, done.stderr.decode(), done.stdout.decode()

    def check(self, text):
        self.file.write_text(text)
        return self.run_server("-c", str(self.file), "-t")

    def start(self, text, *arguments):
        self.file.write_text(text)
        server = ServerProcess(SERVER, ["-c", str(self.file), *arguments])
        server.start()
        self.addCleanup(server.stop)
        return server

    def reload(self, server, text, expect=RELOADED):
        """Puts a text into the file, and waits for what the log says of it. Returns the lines that are new."""
        self.file.write_text(text)
        before = len(server.log.splitlines())
        server.signal("HUP")
        self.assertIsNotNone(server.wait_for_log_after(expect, before), server.log)
        return server.log.splitlines()[before:]

    # --- reading -----------------------------------------------------------------------------------

    def test_a_good_file_is_said_to_be_valid_with_its_digest(self):
        text = 'port: -1\nNAME: "a<b>"\nserver_name: $NAME\nauthorization { users: [ {user: a, password: "é"} ] }\n'
        status, said, _ = self.check(text)
        self.assertEqual(status, 0, said)
        found = re.fullmatch(r"nuncio-server: configuration file (.*) is valid \((sha256:[0-9a-f]{64})\)\n", said)
        self.assertEqual(found.group(1), str(self.file))
        if REFERENCE:
            done = subprocess.run([REFERENCE, "-c", str(self.file), "-t"], capture_output=True, timeout=TIMEOUT, check=False)
            self.assertIn(found.group(2), done.stderr.decode())

    def test_all_that_is_wrong_is_said_at_once_with_status_1(self):
        text = "port: x\nmax_paylod: 5\nauthorization {\n  users: [ {user: a, password: 7} ]\n}\n"
        for arguments in ([], ["-t"]):
            self.file.write_text(text)
            status, said, _ = self.run_server("-c", str(self.file), *arguments)
            self.assertEqual(status, 1)
            lines = said.splitlines()
            self.assertEqual(len(lines), 3, said)
            self.assertIn(f"{self.file}:1:7: port: found \"x\", expected a port", lines[0])
            self.assertIn(f"{self.file}:2:1: found unknown key \"max_paylod\"", lines[1])
            self.assertIn("did you mean max_payload?", lines[1])
            self.assertIn(f"{self.file}:4:32: password: ", lines[2])

    def test_a_warning_lets_a_server_start_but_fails_a_check(self):
        status, said, _ = self.check("ping_interval: 30\n")
        self.assertEqual(status, 1)
        self.assertIn("warning: ", said)
        self.assertIn("which is taken as 30s", said)
        server = self.start("ping_interval: 30\n")
        self.assertIn("which is taken as 30s", server.log)

    def test_a_warning_is_in_the_log_wherever_that_is(self):
        server = self.start("ping_interval: 30\n")
        self.assertRegex(server.wait_for_log("which is taken as 30s"), r"\[WRN\] .*server.conf:1:16: ping_interval: ")
        self.assertEqual(server.log.count("which is taken as 30s"), 1)
        file = self.folder / "log"
        self.file.write_text(f"port: -1\nping_interval: 30\nlog_file: '{file}'\n")
        process = subprocess.Popen([SERVER, "-c", str(self.file), "-a", "127.0.0.1"], stdin=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        try:
            # Where somebody starts it by hand, too.
            self.assertIn(b"nuncio-server: warning: ", process.stderr.readline())
            end = time.monotonic() + TIMEOUT
            while not (file.exists() and "Server is ready" in file.read_text()) and time.monotonic() < end:
                time.sleep(0.01)
            self.assertRegex(file.read_text(), r"\[WRN\] .*server.conf:2:16: ping_interval: ")
        finally:
            process.terminate()
            process.wait(TIMEOUT)
            process.stderr.close()

    def test_what_a_start_would_not_bear_fails_a_check(self):
        folder = self.folder / "none"
        status, said, _ = self.check(f"log_file: '{folder}/log'\npid_file: '{folder}/pid'\nports_file_dir: '{folder}'\n"
                                     "port: 4999\nwebsocket {\n  port: 4999, no_tls: true\n}\n")
        self.assertEqual(status, 1)
        lines = said.splitlines()
        self.assertEqual(len(lines), 4, said)
        for line, where in zip(lines, ("1:1: log_file", "2:1: pid_file", "3:1: ports_file_dir", "6:3: websocket")):
            self.assertTrue(line.startswith(f"nuncio-server: warning: {self.file}:{where}: "), line)
        status, said, _ = self.check(f"log_file: '{self.folder}/log'\npid_file: '{self.folder}/pid'\nports_file_dir: '{self.folder}'\n"
                                     "port: -1\nwebsocket { port: -1, no_tls: true }\n")
        self.assertEqual(status, 0, said)
        self.assertEqual(os.listdir(self.folder), ["server.conf"])

    def test_the_list_of_what_is_wrong_has_an_end(self):
        status, said, _ = self.check("".join(f"foo{i}: 1\n" for i in range(20_000)))
        self.assertEqual(status, 1)
        lines = said.splitlines()
        self.assertEqual(len(lines), 101)
        self.assertIn(f"{self.file}:100:1: ", lines[99])
        self.assertEqual(lines[100], "nuncio-server: found 19900 more errors")

    def test_a_byte_order_mark_is_passed_over(self):
        status, said, _ = self.check("\ufeffport: -1\n")
        self.assertEqual(status, 0, said)

    def test_a_folder_is_called_one(self):
        folder = self.folder / "folder"
        folder.mkdir()
        for text in (f"tls {{ cert_file: '{folder}', key_file: '{folder}' }}", "include folder"):
            status, said, _ = self.check(text)
            self.assertEqual(status, 1)
            if "built without TLS" in said:
                continue
            for line in said.splitlines():
                self.assertIn(f'"{folder}"', line)
                self.assertIn("Is a directory", line)
        status, said, _ = self.run_server("-c", str(folder))
        self.assertEqual(status, 1)
        self.assertEqual(said, f'nuncio-server: found no readable file "{folder}" (Is a directory), expected a configuration\n')

    def test_a_pipe_that_is_empty_is_no_configuration(self):
        os.mkfifo(self.file)

        def hand_over(text):
            thread = threading.Thread(target=self.file.write_text, args=(text,), daemon=True)
            thread.start()
            self.addCleanup(thread.join, TIMEOUT)

        # Not what a shell makes of -c <(...), but like it: the second time there is nothing left.
        hand_over("authorization { user: a, password: p }\n")
        with ServerProcess(SERVER, ["-c", str(self.file)]) as server:
            hand_over("")
            server.signal("HUP")
            self.assertIn("a pipe with nothing in it", server.wait_for_log(REFUSED))
            with Client(server.port, user="a", **{"pass": "p"}):
                pass
            with Client(server.port, heard=False) as c:
                self.assertEqual(c.line(), "-ERR 'Authorization Violation'")

    def test_a_user_without_a_password_has_an_empty_one(self):
        text = "authorization { users: [ {user: a} ] }\n"
        self.assertEqual(self.check(text)[0], 0)
        for path in [SERVER, REFERENCE] if REFERENCE else [SERVER]:
            with self.subTest(path), ServerProcess(path, config=text) as server:
                for password, answer in (({}, "PONG"), ({"pass": ""}, "PONG"), ({"pass": "x"}, "-ERR 'Authorization Violation'")):
                    with Client(server.port, heard=False, user="a", **password) as c:
                        self.assertEqual(c.line(), answer)

    def test_a_file_that_is_missing_or_includes_itself_is_named(self):
        status, said, _ = self.run_server("-c", str(self.folder / "none.conf"))
        self.assertEqual(status, 1)
        self.assertIn("none.conf", said)
        status, said, _ = self.check("include server.conf\n")
        self.assertEqual(status, 1)
        self.assertIn("server.conf", said)

    def test_jetstream_keeps_the_server_from_starting(self):
        status, said, _ = self.check("\njetstream { store_dir: /tmp/x }\n")
        self.assertEqual(status, 1)
        self.assertIn(f"{self.file}:2:", said)
        self.assertIn("JetStream", said)

    def test_flags_count_more_than_the_file(self):
        server = self.start("max_payload: 1000\nserver_name: file\n", "--name", "flag", "-D")
        with Client(server.port) as c:
            self.assertEqual(c.info["server_name"], "flag")
            self.assertEqual(c.info["max_payload"], 1000)
        self.assertIn("Using configuration file: ", server.log)
        # And they still do after a reload.
        self.reload(server, "max_payload: 2000\nserver_name: other\n")
        with Client(server.port) as c:
            self.assertEqual(c.info["server_name"], "flag")
            self.assertEqual(c.info["max_payload"], 2000)

    def test_examples_are_valid(self):
        examples = sorted((pathlib.Path(__file__).resolve().parents[2] / "examples" / "config").glob("*.conf"))
        self.assertGreaterEqual(len(examples), 3)
        environment = {"APP_PASSWORD": "secret"}
        for example in examples:
            with self.subTest(example.name):
                status, said, _ = self.run_server("-c", str(example), "-t", environment=environment)
                self.assertEqual(status, 0, said)
                with ServerProcess(SERVER, ["-c", str(example)], environment=environment) as server:
                    self.assertTrue(server.alive())
                    if example.name == "users.conf":
                        password = re.search(r"The password is (\S+),", example.read_text()).group(1)
                        with Client(server.port, user="auditor", **{"pass": password}):
                            pass

    def test_the_page_of_options_is_what_the_program_says(self):
        page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text()
        status, _, said = self.run_server("--help_config")
        self.assertEqual(status, 0)
        self.assertIn(said.strip(), page, "docs/configuration.md: put there what nuncio-server --help_config prints")

    # --- reloading ---------------------------------------------------------------------------------

    def test_users_are_changed_while_their_clients_go_on(self):
        server = self.start("authorization { users: [ {user: a, password: p}, {user: b, password: p}, {user: c, password: p} ] }")
        a, b, c = (Client(server.port, user=name, **{"pass": "p"}) for name in "abc")
        with a, b, c:
            a.say("SUB kept 1\r\nSUB lost 2\r\nSUB lost q 3")
            self.assertEqual(a.ping(), [])
            self.reload(server, "authorization { users: [ {user: a, password: p, permissions: {subscribe: kept, publish: kept}},"
                                " {user: b, password: new} ] }")
            self.assertCountEqual(a.ping(), ["-ERR 'Permissions Violation for Subscription to \"lost\" (sid \"2\")'",
                                             "-ERR 'Permissions Violation for Subscription to \"lost\" using queue \"q\" (sid \"3\")'"])
            for gone in (b, c):
                self.assertEqual(gone.line(), "-ERR 'Authorization Violation'")
                self.assertIsNone(gone.line())
            a.say("PUB kept 2\r\nhi\r\nPUB lost 2\r\nno")
            self.assertCountEqual(a.ping(), ["MSG kept 1 2", "hi", "-ERR 'Permissions Violation for Publish to \"lost\"'"])
        with Client(server.port, user="b", **{"pass": "new"}):
            pass

    def test_a_deny_counts_for_subscriptions_that_are_there(self):
        users = "authorization {{ users: [ {{user: a, password: p, permissions: {{subscribe: {}}}}}, {{user: b, password: p}} ] }}"
        server = self.start(users.format('">"'))
        with Client(server.port, user="a", **{"pass": "p"}) as a, Client(server.port, user="b", **{"pass": "p"}) as b:
            a.say("SUB s.* 1")
            self.assertEqual(a.ping(), [])
            b.say("PUB s.x 1\r\n1\r\nPUB s.x 1\r\n2")
            b.ping()
            self.assertEqual(a.ping(), ["MSG s.x 1 1", "1", "MSG s.x 1 1", "2"])
            self.reload(server, users.format("{deny: s.x}"))
            b.say("PUB s.x 1\r\n3\r\nPUB s.y 1\r\n4")
            b.ping()
            self.assertEqual(a.ping(), ["MSG s.y 1 1", "4"])

    def test_a_user_in_another_account_is_closed_without_a_word(self):
        server = self.start("accounts { A { users: [ {user: a, password: p} ] }, B {} }")
        with Client(server.port, user="a", **{"pass": "p"}) as a:
            self.reload(server, "accounts { A {}, B { users: [ {user: a, password: p} ] } }")
            self.assertIsNone(a.line())
        with Client(server.port, user="a", **{"pass": "p"}) as a:
            self.assertEqual(a.info["remote_account"], "B")

    def test_whose_credentials_may_still_be_good_is_closed_without_a_word(self):
        """A hash on either side, or nothing that was asked for before: clients come back by themselves, and are let in."""
        hashes = ("$2a$04$PABrDyp5cDHwipunkgmBPOACTxNOPqo2nZha4EyZBHicmFIvqMHCS",
                  "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW")
        user = "authorization {{ users: [ {{user: a, password: '{}'}} ] }}"
        token = "authorization {{ token: '{}' }}"
        by_user = {"user": "a", "pass": "secret"}
        by_token = {"auth_token": "secret"}
        for title, before, after, shown in (
                ("plain to bcrypt", user.format("secret"), user.format(hashes[0]), by_user),
                ("bcrypt to plain", user.format(hashes[0]), user.format("secret"), by_user),
                ("another salt", user.format(hashes[0]), user.format(hashes[1]), by_user),
                ("a token to bcrypt", token.format("secret"), token.format(hashes[0]), by_token),
                ("nothing to users", "debug: false", user.format("secret"), by_user)):
            with self.subTest(title):
                server = self.start(before)
                with Client(server.port, **shown) as client:
                    lines = self.reload(server, after)
                    self.assertIsNone(client.line())
                with Client(server.port, **shown):
                    pass
                whom = 'Token "[REDACTED]"' if shown is by_token else 'User "N/A"' if title.startswith("nothing") else 'User "a"'
                self.assertEqual([line for line in lines if f"Closed by reload, to show its credentials again: {whom}" in line][1:], [])
                self.assertIn(f" - Closed by reload, to show its credentials again: {whom}", "\n".join(lines))

    def test_a_reload_says_whom_it_closes_and_what_it_removes(self):
        server = self.start("authorization { users: [ {user: 'a\"b', password: p}, {user: z, password: p} ] }")
        with Client(server.port, user='a"b', **{"pass": "p"}) as a, Client(server.port, user="z", **{"pass": "p"}) as z:
            a.say("SUB foo q 1")
            self.assertEqual(a.ping(), [])
            lines = self.reload(server, "authorization { users: [ {user: 'a\"b', password: p, permissions: {subscribe: {deny: foo}}} ] }")
            self.assertEqual(z.line(), "-ERR 'Authorization Violation'")
            text = "\n".join(lines)
            self.assertIn('[INF] ', next(line for line in lines if "Removed sub" in line))
            self.assertIn('Removed sub "foo" using queue "q" (sid "1") for User "a\\"b" - not authorized', text)
            self.assertRegex(text, r'\[ERR\] .* - "\$G/user:z" - authentication error - User "z"')

    def test_a_new_account_knows_the_services_that_every_account_has(self):
        server = self.start("port: -1\n")
        self.reload(server, "accounts { NEW { users: [ {user: a, password: p} ] } }")
        with Client(server.port, user="a", **{"pass": "p"}) as a:
            a.say("SUB inbox 1\r\nPUB $SYS.REQ.USER.INFO inbox 0\r\n")
            self.assertRegex(a.line(), "MSG inbox 1 ")
            answer = json.loads(a.line())
            self.assertEqual(answer["data"], {"user": "a", "account": "NEW", "account_name": "NEW"})

    def test_clients_hear_of_a_new_limit(self):
        server = self.start("max_payload: 1000\n")
        with Client(server.port) as c:
            self.reload(server, "max_payload: 10\n")
            self.assertEqual(c.read_info()["max_payload"], 10)
            c.say("PUB foo 11")
            self.assertEqual(c.line(), "-ERR 'Maximum Payload Violation'")

    def test_connections_that_are_too_many_now_are_closed(self):
        server = self.start("max_connections: 10\n")
        clients = [Client(server.port) for _ in range(5)]
        self.reload(server, "max_connections: 2\n")
        left = []
        for client in clients:
            with client:
                client.say("PING")
                line = client.line()
                if line == "PONG":
                    left.append(client)
                else:
                    self.assertEqual(line, "-ERR 'maximum connections exceeded'")
        self.assertEqual(len(left), 2)

    def test_debugging_is_switched_on_and_off(self):
        server = self.start("debug: false\n")
        with Client(server.port):
            pass
        self.reload(server, "debug: true\n")
        with Client(server.port):
            pass
        self.assertIsNotNone(server.wait_for_log("Client connection closed"))
        self.assertEqual(server.log.count("Client connection closed"), 1)
        self.assertIn("Reloaded: debug: false is now true", server.log)

    def test_all_or_nothing(self):
        server = self.start("max_payload: 1000\n")
        lines = self.reload(server, "max_payload: 2000\nmax_pending: 1MB\nserver_name: x\n", REFUSED)
        self.assertEqual(len([line for line in lines if REFUSED in line]), 1)
        self.assertIn("max_pending: 64MB is now 1MB", lines[-1])
        self.assertIn("server_name: nothing is now x", lines[-1])
        with Client(server.port) as c:
            self.assertEqual(c.info["max_payload"], 1000)
        lines = self.reload(server, "max_payload: 2000\nfoo: 1\nport: x", REFUSED)
        self.file.unlink()
        server.signal("HUP")
        self.assertIsNotNone(server.wait_for_log("No such file"))
        with Client(server.port) as c:
            self.assertEqual(c.info["max_payload"], 1000)
        self.reload(server, "max_payload: 2000\n")
        with Client(server.port) as c:
            self.assertEqual(c.info["max_payload"], 2000)

    def test_the_log_goes_back_if_the_rest_can_not_be_had(self):
        server = self.start("debug: false\n")
        missing = self.folder / "none.pem"
        self.reload(server, f"debug: true\ntls {{ cert_file: '{missing}', key_file: '{missing}' }}\n", REFUSED)
        with Client(server.port):
            pass
        self.reload(server, "max_payload: 1000\n")
        self.assertNotIn("Client connection closed", server.log)
        file = self.folder / "log"
        self.reload(server, f"log_file: '{file}'\npid_file: '{self.folder / 'none' / 'pid'}'\n", REFUSED)
        self.reload(server, "max_payload: 2000\n")

    def test_the_ports_file_moves(self):
        folders = [tempfile.TemporaryDirectory() for _ in range(2)]
        for folder in folders:
            self.addCleanup(folder.cleanup)
        first, second = (pathlib.Path(folder.name) for folder in folders)
        server = self.start(f'ports_file_dir: "{first}"')
        self.assertIsNotNone(server.wait_for_log("Server is ready"))
        self.assertEqual(len(list(first.iterdir())), 1)
        self.reload(server, f'ports_file_dir: "{second}"')
        self.assertEqual((len(list(first.iterdir())), len(list(second.iterdir()))), (0, 1))
        self.reload(server, f'ports_file_dir: "{second}/no"', REFUSED)
        self.assertEqual(len(list(second.iterdir())), 1)
        server.stop()
        self.assertEqual(list(second.iterdir()), [])

    def test_the_pid_file_moves_if_all_does(self):
        old, new = self.folder / "old", self.folder / "new"
        server = self.start(f"pid_file: '{old}'")
        self.assertIsNotNone(server.wait_for_log("Server is ready"))
        self.reload(server, f"pid_file: '{new}'\nports_file_dir: '{self.folder / 'none'}'", REFUSED)
        self.assertEqual((old.exists(), new.exists()), (True, False))
        self.reload(server, f"pid_file: '{new}'")
        self.assertEqual((old.exists(), new.read_text()), (False, str(server.pid)))
        self.reload(server, f"pid_file: '{self.folder}/./new'")
        self.assertEqual(new.read_text(), str(server.pid))
        new.write_text("1")  # of somebody else by now
        self.reload(server, f"pid_file: '{old}'")
        self.assertEqual((old.read_text(), new.read_text()), (str(server.pid), "1"))
        self.reload(server, "debug: false\n")
        self.assertFalse(old.exists())

    def test_what_a_change_would_take_is_said_without_a_server(self):
        old, new = self.folder / "old.conf", self.folder / "new.conf"
        old.write_text("port: 4222\nauthorization { user: a, password: one, timeout: 1 }\n")
        new.write_text("port: 4223\nmax_payload: 2MB\nauthorization { user: a, password: two, timeout: 1 }\n")
        status, _, said = self.run_server("--check-reload", str(old), str(new))
        self.assertEqual(status, 1)
        self.assertEqual(sorted(re.sub(" +", " ", line) for line in said.splitlines()),
                         ["live authorization", "live max_payload: 1MB is now 2MB", "restart port: 4222 is now 4223"])
        self.assertNotIn("two", said)
        # As for a server that was started with the flag.
        status, _, said = self.run_server("--check-reload", str(old), str(new), "-p", "4333")
        self.assertEqual((status, len(said.splitlines()), "port" in said), (0, 2, False))
        status, _, said = self.run_server("--check-reload", str(old), str(old))
        self.assertEqual((status, said), (0, ""))

    def test_a_file_that_has_been_emptied_opens_no_node(self):
        server = self.start("authorization { user: a, password: p }\n")
        for text in ("", "# nothing\n"):
            lines = self.reload(server, text, REFUSED)
            self.assertIn(f"{REFUSED}: {self.file}: found no values, expected at least one", "\n".join(lines))
        with Client(server.port, heard=False) as c:
            self.assertEqual(c.line(), "-ERR 'Authorization Violation'")
        old = self.folder / "old.conf"
        old.write_text("authorization { user: a, password: p }\n")
        self.assertEqual(self.run_server("--check-reload", str(old), str(self.file))[0], 1)
        self.reload(server, "port: -1\n")  # no users, but some value
        with Client(server.port):
            pass

    def test_a_large_max_payload_is_warned_of(self):
        text = "Maximum payloads over 8.00 MB are generally discouraged"
        self.assertEqual(self.check("max_payload: 9MB\n")[0], 0)
        server = self.start("max_payload: 9MB\n")
        self.assertIn("[WRN] " + text, server.log)
        self.assertNotIn(text, "\n".join(self.reload(server, "max_payload: 8MB\n")))
        self.assertIn(text, "\n".join(self.reload(server, "max_payload: 10MB\n")))

    def test_credentials_on_the_command_line_beside_those_of_the_file(self):
        server = self.start("authorization { users: [ {user: a, password: p} ] }\n", "--user", "u", "--pass", "q", "--auth", "t")
        self.assertIn(f'[WRN] found --user beside users in "{self.file}": only those count', server.log)
        self.assertIn(f'[WRN] found --auth beside users in "{self.file}": both count', server.log)
        for shown in ({"user": "a", "pass": "p"}, {"auth_token": "t"}):
            with Client(server.port, **shown):
                pass
        with Client(server.port, heard=False, user="u", **{"pass": "q"}) as c:
            self.assertEqual(c.line(), "-ERR 'Authorization Violation'")

    def test_a_thousand_reloads_lose_no_message(self):
        texts = [f"max_payload: {size}\nauthorization {{ users: [ {{user: a, password: p, permissions: {{publish: {allowed}}}}},"
                 " {user: b, password: p} ] }\n" for size, allowed in ((1000, '["load", "x"]'), (2000, '"load"'))]
        server = self.start(texts[0])
        with Client(server.port, user="a", **{"pass": "p"}) as a, Client(server.port, user="b", **{"pass": "p"}) as b:
            b.say("SUB load 1")
            self.assertEqual(b.ping(), [])
            stop = threading.Event()
            window = threading.Semaphore(50)  # batches under way: who reads is the slower one
            sent = 0

            def publish():
                nonlocal sent
                while not stop.is_set() and window.acquire(timeout=TIMEOUT):
                    a.say("\r\n".join(f"PUB load {len(str(n))}\r\n{n}" for n in range(sent, sent + 100)))
                    sent += 100

            heard = []

            def hear():
                while (line := b.line()) is not None:
                    if line.startswith("MSG "):
                        heard.append(int(b.line()))
                        if heard[-1] == -1:
                            return
                        if heard[-1] % 100 == 99:
                            window.release()

            threads = [threading.Thread(target=publish), threading.Thread(target=hear)]
            for thread in threads:
                thread.start()
            try:
                for i in range(1000):
                    self.reload(server, texts[(i + 1) % 2])
            finally:
                stop.set()
                threads[0].join()
                a.say("PUB load 2\r\n-1")
                threads[1].join(TIMEOUT)
            self.assertGreater(sent, 0)
            self.assertTrue(heard == [*range(sent), -1], f"{len(heard)} of {sent + 1}")

    # --- secrets -----------------------------------------------------------------------------------

    def test_secrets_are_in_no_line_of_the_log(self):
        server = self.start("authorization { users: [ {user: a, password: hunter2}, {user: b, password: hunter3} ] }", "-DV")
        with Client(server.port, user="a", **{"pass": "hunter2"}), \
                Client(server.port, heard=False, user="b", **{"pass": "wr0ng", "auth_token": "t0k3n", "jwt": "ey"}) as b:
            self.assertEqual(b.line(), "-ERR 'Authorization Violation'")
        self.reload(server, "authorization { users: [ {user: a, password: hunter4} ] }")
        for written in ("$2c$11$hunter5", "my hunter5", '"hunter5', "12-hunter5", "hunter5\\q"):
            self.reload(server, f"authorization {{ users: [ {{user: a, password: {written} }} ] }}", REFUSED)
        self.assertIn('<<- [CONNECT {', server.log)
        self.assertIn('[REDACTED]', server.log)
        self.assertIn('authentication error - User "b"', server.log)
        for secret in ("hunter", "wr0ng", "t0k3n"):
            self.assertNotIn(secret, server.log)

    def test_nothing_that_a_client_says_passes_for_a_line_of_the_log(self):
        server = self.start("authorization { user: a, password: p }", "-DV")
        forged = "x\n[1] 2026/01/01 00:00:00.000000 [INF] forged \x1b[2J"
        with Client(server.port, user="a", name=forged, **{"pass": "p"}) as c:
            c.say("PUB foo 12\r\nfirst\nsecond")
            self.assertEqual(c.ping(), [])
        with Client(server.port, heard=False, user=forged, **{"pass": "p"}) as c:
            self.assertEqual(c.line(), "-ERR 'Authorization Violation'")
        self.assertIsNotNone(server.wait_for_log("authentication error - User"))
        self.assertIn("first\\nsecond", server.log)
        self.assertNotIn("\x1b", server.log)
        for line in server.log.splitlines():
            self.assertRegex(line, rf"^\[{server.pid}\] ")

    def traced(self, server, of):
        """What the log says of one client, by its name, without time and address."""
        return [m.group(1) for m in re.finditer(rf'\[TRC\] \S+ - cid:\d+ - "{of}" - (.*)', server.log)]

    def test_traces_show_what_goes_in_and_out(self):
        server = self.start("trace: true\nmax_traced_msg_len: 30\n", "--shards", "2")
        with Client(server.port, headers=True, name="a") as a, Client(server.port, name="b") as b, \
                Client(server.port, heard=False, name="c", verbose=True) as c:
            self.assertEqual([c.line(), c.line()], ["+OK", "PONG"])
            c.read_info()
            a.say("SUB foo 1")
            b.say("SUB foo 2")
            b.say("UNSUB 2 3")
            self.assertEqual(a.ping() + b.ping(), [])
            a.say('PUB foo 5\r\na"\\b\n\r\nPUB foo re 0\r\n')
            a.say("HPUB foo 22 26\r\nNATS/1.0\r\nA: shown\r\n\r\nbody\r\nPUB gone 31\r\n" + 31 * "x" + "\r\nSUB a..b 9")
            a.ping()
            b.ping()
            c.say("SUB bar 5\r\nPING")
            self.assertEqual([c.line(), c.line()], ["+OK", "PONG"])
            b.say("PUB $NRG.x 0\r\n")
            b.ping()
        for name in "abc":
            self.assertIsNotNone(server.wait_for_log(f'"{name}" - <-> [DELSUB' if name != "b" else '"b" - ->> [-ERR'))
        ping = ["<<- [PING]", "->> [PONG]"]
        message = ["[MSG foo {} 5]", 'MSG_PAYLOAD: ["a\\"\\\\b\\n"]']
        self.assertEqual([line for line in self.traced(server, "a") if "- [PING]" not in line], [
            "->> [PONG]", "<<- [SUB foo 1]", "->> [PONG]",
            "<<- [PUB foo 5]", "<<- " + message[1], "->> " + message[0].format(1), "->> " + message[1],
            "<<- [PUB foo re 0]", "->> [MSG foo 1 re 0]",
            "<<- [HPUB foo 22 26]", '<<- MSG_PAYLOAD: ["NATS/1.0\\r\\nA: shown\\r\\n\\r\\nbody"]',
            "->> [HMSG foo 1 22 26]", '->> MSG_PAYLOAD: ["NATS/1.0\\r\\nA: shown\\r\\n\\r\\nbody"]',
            "<<- [PUB gone 31]", f'<<- MSG_PAYLOAD: ["{30 * "x"}..."]',
            "<<- [SUB a..b 9]", "->> [-ERR Invalid Subject]", "->> [PONG]", "<-> [DELSUB 1]"])
        lines = self.traced(server, "b")
        self.assertEqual([line for line in lines if "MSG" in line or "DELSUB" in line], [
            "->> " + message[0].format(2), "->> " + message[1], "->> [MSG foo 2 re 0]",
            "->> [MSG foo 2 4]", '->> MSG_PAYLOAD: ["body"]', "<-> [DELSUB 2]"])
        self.assertIn('->> [-ERR Permissions Violation for Publish to "$NRG.x"]', lines)
        self.assertEqual(self.traced(server, "c")[:6], ["->> [OK]", *ping, "<<- [SUB bar 5]", "->> [OK]", ping[0]])

    def test_tracing_is_switched_on_and_off_for_clients_that_are_there(self):
        server = self.start("trace: false\n")
        with Client(server.port, name="a") as a:
            a.say("SUB foo 1")
            self.assertEqual(a.ping(), [])
            for on in (True, False):
                self.reload(server, f"trace: {str(on).lower()}\n")
                a.say("PUB foo 2\r\nhi")
                self.assertEqual(a.ping(), ["MSG foo 1 2", "hi"])
            self.assertEqual(server.log.count("->> [MSG foo 1 2]"), 1)

    def test_names_in_the_log_are_without_empty_parts_and_in_quotes(self):
        server = self.start("authorization { user: u, password: p }", "-V")
        for shown, name in (({"version": "1", "name": "x"}, "v1:x"), ({"name": 'b"b'}, 'b\\"b'), ({"lang": "go"}, "go"),
                            ({"version": "1", "lang": "go", "name": "n"}, "v1:go:n")):
            with Client(server.port, user="u", **{"pass": "p"}, **shown):
                self.assertIsNotNone(server.wait_for_log(f' - "{name}" - "$G/user:u" - <<- [PING]'), server.log)
        with Client(server.port, heard=False, user='q"u\\\n', **{"pass": "p"}) as c:
            self.assertEqual(c.line(), "-ERR 'Authorization Violation'")
        self.assertIsNotNone(server.wait_for_log('authentication error - User "q\\"u\\\\\\n"'), server.log)

    def test_what_clients_complain_of_and_ask_in_vain_is_logged(self):
        server = self.start("debug: true\n")
        with Client(server.port, name="a") as a:
            a.say("-ERR 'no'")
            self.assertIsNone(a.line())
        self.assertIsNotNone(server.wait_for_log("[ERR]"))
        self.assertIn("\"a\" - Client Error 'no'", server.log)
        server = self.start("debug: true\n")
        with Client(server.port, heard=False, name="b", protocol=7) as b:
            self.assertEqual(b.line(), "-ERR 'invalid client protocol'")
        self.assertIsNotNone(server.wait_for_log("[ERR]"))
        self.assertIn('"b" - invalid client protocol', server.log)

    def test_traces_can_leave_payloads_out(self):
        server = self.start("trace_headers: true\n")
        with Client(server.port, headers=True) as c:
            c.say("HPUB foo 22 28\r\nNATS/1.0\r\nA: shown\r\n\r\nhidden")
            c.say("PUB foo 6\r\nhidden")
            self.assertEqual(c.ping(), [])
        self.assertIsNotNone(server.wait_for_log("A: shown"), server.log)
        self.assertIn('<<- MSG_PAYLOAD: ["NATS/1.0\\r\\nA: shown"]', server.log)
        self.assertIn("<<- [HPUB foo", server.log)
        self.assertNotIn("hidden", server.log)

    def test_a_password_that_takes_long_holds_up_nobody(self):
        slow = "$2b$13$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
        server = self.start(f'authorization {{ users: [ {{user: slow, password: "{slow}"}}, {{user: a, password: p}} ] }}',
                            "--shards", "1")
        with Client(server.port, user="a", **{"pass": "p"}) as a, \
                Client(server.port, heard=False, user="slow", **{"pass": "x"}) as waiting:
            self.assertEqual(a.ping(), [])
            waiting.socket.setblocking(False)
            with self.assertRaises(BlockingIOError):
                waiting.socket.recv(1)
            waiting.socket.settimeout(TIMEOUT)
            self.assertEqual(waiting.line(), "-ERR 'Authorization Violation'")

    def test_a_thousand_wrong_passwords_are_refused_while_others_hear_each_other(self):
        right = "$2b$07$nuncioNUNCIOnuncioNUN.hJ.8Hi6.PJWu4zdmxKxanZYEXwu8Ay6"
        users = f'{{user: slow, password: "{right}"}}, {{user: a, password: p}}'
        server = self.start(f"authorization {{ timeout: 60, users: [ {users} ] }}", "--shards", "1")
        # The second for those who come when 64 passwords wait to be checked.
        refused, busy = "-ERR 'Authorization Violation'", "-ERR 'maximum connections exceeded'"
        answers = []

        def guess(count):
            guesses = [Client(server.port, heard=False, user="slow", **{"pass": f"wrong {i}"}) for i in range(count)]
            for each in guesses:
                with each:
                    answers.append((each.line(), each.line()))

        threads = [threading.Thread(target=guess, args=(125,)) for _ in range(8)]
        with Client(server.port, user="a", **{"pass": "p"}) as a, Client(server.port, user="a", **{"pass": "p"}) as b:
            a.say("SUB foo 1")
            self.assertEqual(a.ping(), [])
            for thread in threads:
                thread.start()
            trips = 0
            while trips < 100 or any(thread.is_alive() for thread in threads):
                b.say(f"PUB foo {len(str(trips))}\r\n{trips}")
                if (line := a.line()) == "PING":
                    a.say("PONG")
                    line = a.line()
                self.assertEqual((line, a.line()), (f"MSG foo 1 {len(str(trips))}", str(trips)))
                trips += 1
                time.sleep(0.001)  # it isn't these that shall keep the server busy
        self.assertEqual(len(answers), 1000)
        self.assertLessEqual(set(answers), {(refused, None), (busy, None)})
        self.assertIn((refused, None), answers)
        if (busy, None) in answers:
            self.assertIsNotNone(server.wait_for_log("too many passwords wait to be checked"))
        with Client(server.port, user="slow", **{"pass": "right"}):
            pass


if __name__ == "__main__":
    SERVER, default_peers = sys.argv.pop(1), sys.argv.pop(1)
    reference = os.path.join(os.environ.get("NUNCIO_PEERS") or default_peers, "nats-server")
    REFERENCE = reference if os.access(reference, os.X_OK) else None
    unittest.main()
