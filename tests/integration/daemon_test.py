"""What nuncio-server does as a process: files, signals, exit statuses, its log.

    daemon_test.py SERVER

Every wait is for something to happen: a line, a file, an exit.
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
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support" / "python"))

from server_process import ServerProcess  # noqa: E402

TIMEOUT = 20
SERVER = None


def until(holds):
    """Waits for something that gives no event of its own."""
    end = time.monotonic() + TIMEOUT
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


class Client:
    """A raw connection that has been greeted."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.file = self.socket.makefile("rb")
        assert self.file.readline().startswith(b"INFO ")
        self.ping()

    def ping(self):
        self.socket.sendall(b"PING\r\n")
        while (line := self.file.readline()) == b"PING\r\n":
            pass
        assert line == b"PONG\r\n", line

    def closed(self):
        return self.file.readline() == b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


class DaemonTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def refused(self, *arguments):
        """(exit status, stderr) of a start that must fail."""
        done = subprocess.run([SERVER, "-a", "127.0.0.1", "-p", "-1", *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=TIMEOUT, check=False)
        return done.returncode, done.stderr.decode()

    def logged_to(self, file, *arguments):
        """A server that logs to a file, so that its port comes from the ports file; ended with the test."""
        process = subprocess.Popen([SERVER, "-a", "127.0.0.1", "-p", "-1", "-l", str(file), "--ports_file_dir",
                                    str(self.folder), *arguments], stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        ports = self.folder / f"nuncio-server_{process.pid}.ports"
        self.assertTrue(until(ports.exists))
        url = json.loads(ports.read_text())["nats"][0]
        return process, int(url.rpartition(":")[2])

    def test_the_log_begins_as_the_reference_does_and_ends_ready(self):
        with ServerProcess(SERVER, ["-n", "me"]) as server:
            self.assertIsNotNone(server.wait_for_log("Server is ready"))
            shape = re.compile(r"\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[INF\] (.*)\n")
            texts = [shape.fullmatch(line).group(1) for line in server.lines]
        self.assertEqual(texts[0], "Starting nuncio-server")
        self.assertRegex(texts[1], r"^  Version:  2\.15\.2 \(nuncio .*\)$")
        self.assertEqual(texts[3], "  Name:     me")
        self.assertRegex(texts[4], r"^  ID:       N[A-Z2-7]{55}$")
        self.assertEqual(texts[5:], [f"Listening for client connections on 127.0.0.1:{server.port}", "Server is ready"])

    def test_int_and_term_end_with_status_0_and_close_clients(self):
        for name in ("INT", "TERM"):
            with self.subTest(name), ServerProcess(SERVER) as server:
                with Client(server.port) as client:
                    server.signal(name)
                    self.assertTrue(client.closed())
                self.assertEqual(server.wait(), 0)

    def test_lame_duck_ignores_term_refuses_clients_and_ends_by_int_or_without_clients(self):
        with ServerProcess(SERVER) as server, Client(server.port) as client:
            server.signal("USR2")
            self.assertIsNotNone(server.wait_for_log("lame duck mode"))
            self.assertTrue(until(lambda: self.is_refused(server.port)))
            server.signal("TERM")
            self.assertIsNotNone(server.wait_for_log('Trapped "terminated" signal'))
            client.ping()
            server.signal("INT")
            self.assertEqual(server.wait(), 0)
        with ServerProcess(SERVER) as server:
            server.signal("USR2")
            self.assertEqual(server.wait(), 0)  # there is no client to wait for

    @staticmethod
    def is_refused(port):
        try:
            socket.create_connection(("127.0.0.1", port), TIMEOUT).close()
        except ConnectionRefusedError:
            return True
        return False

    def test_pid_and_ports_file(self):
        pid_file = self.folder / "pid"
        process, port = self.logged_to(self.folder / "log", "-P", str(pid_file))
        self.assertEqual(pid_file.read_text(), str(process.pid))
        with Client(port):
            pass
        process.terminate()
        self.assertEqual(process.wait(TIMEOUT), 0)
        self.assertEqual(list(self.folder.glob("*.ports")), [])
        self.assertTrue(pid_file.exists())

    def test_usr1_opens_the_log_again_where_it_was(self):
        log = self.folder / "log"
        process, port = self.logged_to(log)
        self.assertTrue(until(lambda: "Server is ready" in log.read_text()))
        log.rename(self.folder / "log.1")
        process.send_signal(signal.SIGUSR1)
        self.assertTrue(until(lambda: log.exists() and "File log re-opened" in log.read_text()))
        with Client(port):
            pass

    def test_a_log_that_can_not_be_opened_again_stops_nobody(self):
        inner = self.folder / "inner"
        inner.mkdir()
        process, port = self.logged_to(inner / "log")
        moved = self.folder / "moved"
        inner.rename(moved)
        process.send_signal(signal.SIGUSR1)
        self.assertTrue(until(lambda: "error opening log file" in (moved / "log").read_text()))
        with Client(port):
            pass
        process.terminate()
        self.assertEqual(process.wait(TIMEOUT), 0)

    def test_files_that_can_not_be_written_are_named_with_status_1(self):
        missing = str(self.folder / "missing" / "file")
        for flag, words in (("-l", "error opening log file"), ("-P", "could not write")):
            with self.subTest(flag):
                status, said = self.refused(flag, missing)
                self.assertEqual(status, 1, said)
                self.assertIn(words, said.lower())
                self.assertIn(missing, said)
        self.assertEqual(os.listdir(self.folder), [])
        folder = self.folder / "d"
        folder.mkdir()
        status, said = self.refused("-P", str(folder))
        self.assertEqual(status, 1)
        self.assertIn("directory", said)
        self.assertEqual(os.listdir(self.folder), ["d"])

    def test_without_its_ports_file_a_server_starts(self):
        missing = str(self.folder / "missing")
        with ServerProcess(SERVER, ["--ports_file_dir", missing]) as server:
            self.assertIn(missing, server.wait_for_log("[ERR] Error writing ports file"))
            self.assertIsNotNone(server.wait_for_log("Server is ready"))

    def test_an_address_that_is_taken_or_unknown_is_fatal(self):
        with ServerProcess(SERVER) as server:
            done = subprocess.run([SERVER, "-a", "127.0.0.1", "-p", str(server.port)], stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=TIMEOUT, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr.decode(), rf"\[FTL\].*127\.0\.0\.1:{server.port}.*in use")
            configuration = self.folder / "server.conf"
            configuration.write_text(f"websocket {{ listen: '127.0.0.1:{server.port}', no_tls: true }}\n")
            status, said = self.refused("-c", str(configuration))
            self.assertEqual(status, 1)
            self.assertIn(f"Error listening on port: 127.0.0.1:{server.port}: ", said)
        status, said = self.refused("-a", "300.1.1.1")
        self.assertEqual(status, 1)
        self.assertRegex(said, r"\[FTL\].*300\.1\.1\.1")

    def test_a_log_file_is_put_aside_when_it_is_full_and_the_oldest_go(self):
        file = self.folder / "log"
        configuration = self.folder / "server.conf"
        configuration.write_text("log_max_num: 3\n")
        others = ["log.1", "log.2024", "log.2024.01.01", "log.2024.01.01.00.00.00.00000000", "log.2024-01-01.00.00.00.000000000"]
        for name in others:
            (self.folder / name).touch()
        process, port = self.logged_to(file, "--log_size_limit", "1000", "-DV", "-c", str(configuration))
        aside = re.compile(r"log\.\d{4}\.\d\d\.\d\d\.\d\d\.\d\d\.\d\d\.\d{9}")
        seen = set()
        for _ in range(20):
            with Client(port):
                pass
            self.assertTrue(until(lambda: file.exists()))
            seen |= {name for name in os.listdir(self.folder) if aside.fullmatch(name)}
        self.assertTrue(until(lambda: len([n for n in os.listdir(self.folder) if aside.fullmatch(n)]) <= 2))
        left = [name for name in os.listdir(self.folder) if aside.fullmatch(name)]
        self.assertEqual(len(left), 2)
        self.assertGreater(len(seen | set(left)), 2)
        for name in left:
            self.assertLessEqual((self.folder / name).stat().st_size, 1200)
        self.assertEqual([name for name in others if not (self.folder / name).exists()], [])
        self.assertIn("Rotated log, backup saved as ", file.read_text())
        process.terminate()
        self.assertEqual(process.wait(TIMEOUT), 0)

    def test_a_log_that_takes_nothing_stops_nothing(self):
        ports = self.folder / "ports"
        ports.mkdir()
        process = subprocess.Popen([SERVER, "-a", "127.0.0.1", "-p", "-1", "-l", "/dev/full", "-DV",
                                    "--ports_file_dir", str(ports)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        self.assertTrue(until(lambda: os.listdir(ports)))
        port = int(json.loads((ports / os.listdir(ports)[0]).read_text())["nats"][0].rsplit(":", 1)[1])
        with Client(port) as c:
            for _ in range(100):
                c.ping()
        process.terminate()
        self.assertEqual(process.wait(TIMEOUT), 0)

    def test_a_message_that_is_refused_is_logged_by_what_is_wrong_with_it(self):
        for words, logged in (("_GR_.x", 'Subject "_GR_.x"'), ("foo _R_.x", 'Reply "_R_.x"')):
            with self.subTest(words), ServerProcess(SERVER) as server, Client(server.port) as client:
                client.socket.sendall(f'CONNECT {{"verbose":false}}\r\nPUB {words} 1\r\nx\r\n'.encode())
                self.assertTrue(client.file.readline().startswith(b"-ERR 'Permissions Violation"))
                self.assertIsNotNone(server.wait_for_log("Publish Violation - " + logged), server.log)

    def test_the_log_as_json(self):
        log = self.folder / "log"
        _, port = self.logged_to(log, "--log_format", "json", "-DV")
        with Client(port) as client:
            client.socket.sendall(b'CONNECT {"verbose":false,"name":"a\\\\\\"b\xff\\n"}\r\nPING\r\n')
            self.assertEqual(client.file.readline(), b"PONG\r\n")
            address = "{}:{}".format(*client.socket.getsockname())
        self.assertTrue(until(lambda: "Client connection closed" in log.read_text(errors="replace")))
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual(lines[0]["message"], "Starting nuncio-server")
        self.assertEqual(lines[0]["level"], "info")
        self.assertRegex(lines[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        about_client = [line for line in lines if "cid" in line]
        self.assertEqual({(line["client"], line["cid"]) for line in about_client}, {(address, about_client[0]["cid"])})
        connect = next(line["message"] for line in about_client if "CONNECT" in line["message"])
        self.assertEqual(connect, '<<- [CONNECT {"verbose":false,"name":"a\\\\\\"b\ufffd\\n"}]')
        self.assertEqual([line["level"] for line in about_client if "closed" in line["message"]], ["debug"])

    def remote_lines(self, source, count):
        """As many lines of a system's log as a connection or a socket of datagrams brings."""
        text = b""
        while text.count(b"\n") < count:
            text += source.recv(65536)
        return text.decode().splitlines()

    def test_a_log_elsewhere(self):
        line = re.compile(r"<(\d+)>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ nuncio-server\[(\d+)\]: \[INF\] (.*)")
        for scheme, kind in (("udp", socket.SOCK_DGRAM), ("tcp", socket.SOCK_STREAM)):
            with self.subTest(scheme), socket.socket(socket.AF_INET, kind) as theirs:
                theirs.bind(("127.0.0.1", 0))
                theirs.settimeout(TIMEOUT)
                if scheme == "tcp":
                    theirs.listen()
                url = f"{scheme}://127.0.0.1:{theirs.getsockname()[1]}"
                process = subprocess.Popen([SERVER, "-a", "127.0.0.1", "-p", "-1", "-r", url], stdin=subprocess.DEVNULL)
                self.addCleanup(process.wait)
                self.addCleanup(process.kill)
                source = theirs.accept()[0] if scheme == "tcp" else theirs
                source.settimeout(TIMEOUT)
                first = line.fullmatch(self.remote_lines(source, 1)[0])
                self.assertEqual(first.groups(), ("30", str(process.pid), "Starting nuncio-server"))
                process.terminate()
                if scheme == "tcp":
                    source.close()
                self.assertEqual(process.wait(TIMEOUT), 0)

    def test_a_log_elsewhere_that_is_gone_stops_nobody(self):
        with socket.create_server(("127.0.0.1", 0)) as theirs:
            url = f"tcp://127.0.0.1:{theirs.getsockname()[1]}"
            process = subprocess.Popen([SERVER, "-a", "127.0.0.1", "-p", "-1", "-r", url, "-DV", "--ports_file_dir", str(self.folder)],
                                       stdin=subprocess.DEVNULL)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            source = theirs.accept()[0]
            ports = self.folder / f"nuncio-server_{process.pid}.ports"
            self.assertTrue(until(ports.exists))
            port = int(json.loads(ports.read_text())["nats"][0].rpartition(":")[2])
            with Client(port) as client:
                client.socket.sendall(b'CONNECT {"verbose":false}\r\n')
                # More lines than the socket holds, which nobody reads.
                for _ in range(200):
                    client.socket.sendall(b"PUB foo 50000\r\n" + b"x" * 50000 + b"\r\n")
                client.ping()
                source.close()
                for _ in range(3):
                    client.ping()

    def test_a_log_elsewhere_that_is_none_is_named(self):
        for url in ("http://h:1", "udp://h"):
            self.assertEqual(self.refused("-r", url), (1, f'nuncio-server: -r: expected udp://host:port or tcp://host:port, found "{url}"\n'))
        for url, why in (("tcp://127.0.0.1:1", "Connection refused"), ("udp://127.0.0.1:x", "not supported")):
            status, said = self.refused("-r", url)
            self.assertEqual(status, 1)
            self.assertIn(f'remote_syslog "{url}": ', said)
            self.assertIn(why, said)

    def test_signals_are_sent_by_the_program_itself(self):
        pid_file = self.folder / "pid"

        def send(what):
            done = subprocess.run([SERVER, "--signal", what], capture_output=True, timeout=TIMEOUT, check=False)
            return done.returncode, done.stderr.decode()

        with ServerProcess(SERVER, ["-P", str(pid_file)]) as server:
            self.assertTrue(until(pid_file.exists))
            self.assertEqual(send(f"reload={server.pid}"), (0, ""))
            self.assertIsNotNone(server.wait_for_log('Trapped "hangup" signal'))
            self.assertEqual(send(f"reopen={pid_file}"), (0, ""))
            self.assertIsNotNone(server.wait_for_log('Trapped "user defined signal 1" signal'))
            self.assertEqual(send(f"quit={str(server.pid)[:-1]}*")[0], 0)
            self.assertEqual(server.wait(), 0)
        status, said = send("foo=1")
        self.assertEqual(status, 1)
        self.assertTrue(said.startswith('nuncio-server: unknown signal "foo"'), said)
        self.assertEqual(send("reload=999999"), (1, 'nuncio-server: signal "reload" 999999: no such process\n'))
        status, said = send(f"reload={self.folder / 'none'}")
        self.assertEqual(status, 1)
        self.assertIn("is no process id", said)
        self.assertEqual(send(f"reload={self.folder}"), (1, f'nuncio-server: "{self.folder}" is a directory, expected a process id, or a file that holds one\n'))

    def test_the_only_server_of_its_name_is_found(self):
        program = self.folder / "one-of-a-kind"
        program.symlink_to(os.path.abspath(SERVER))
        with ServerProcess(str(program)) as server:
            with ServerProcess(str(program)) as second:
                done = subprocess.run([str(program), "-sl", "reload"], capture_output=True, timeout=TIMEOUT, check=False)
                self.assertEqual(done.returncode, 1)
                pids = ", ".join(str(pid) for pid in sorted((server.pid, second.pid)))
                self.assertEqual(done.stderr.decode(), f"nuncio-server: multiple one-of-a-kind processes running: {pids}\n")
            subprocess.run([str(program), "-sl", "reload"], timeout=TIMEOUT, check=True)
            self.assertIsNotNone(server.wait_for_log('Trapped "hangup" signal'))
        done = subprocess.run([str(program), "-sl", "reload"], capture_output=True, timeout=TIMEOUT, check=False)
        self.assertEqual(done.stderr.decode(), "nuncio-server: no one-of-a-kind processes running\n")

    def test_the_service_manager_is_told(self):
        path = str(self.folder / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(TIMEOUT)
            with ServerProcess(SERVER, environment={"NOTIFY_SOCKET": path}) as server:
                self.assertEqual(manager.recv(1000), b"READY=1")
                with Client(server.port):
                    pass
                server.signal("HUP")
                self.assertRegex(manager.recv(1000), rb"RELOADING=1\nMONOTONIC_USEC=\d+")
                self.assertEqual(manager.recv(1000), b"READY=1")
                server.signal("TERM")
                self.assertEqual(manager.recv(1000), b"STOPPING=1")

    def test_hup_says_that_there_is_nothing_to_reload(self):
        with ServerProcess(SERVER) as server:
            server.signal("HUP")
            self.assertIsNotNone(server.wait_for_log("there is no configuration file"))
            with Client(server.port):
                pass


if __name__ == "__main__":
    SERVER = sys.argv.pop(1)
    unittest.main()
