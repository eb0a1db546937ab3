"""Runs the tool `nuncio` against a server.

    cli_test.py NUNCIO SERVER [--tls] [--default-peers=FOLDER]

Both are paths of programs. Every wait is for an event: a line, an exit. Nothing sleeps.
What only nats-server has so far is tried with that of NUNCIO_PEERS, or of the folder given; TLS if `nuncio` has it.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support" / "python"))

from server_process import ServerProcess  # noqa: E402

TIMEOUT = 20

NUNCIO = SERVER = PEER = None
HAS_TLS = False


class Tool:
    """`nuncio` in the background, until the with block ends."""

    def __init__(self, case, *arguments, **options):
        self.process = subprocess.Popen([NUNCIO, *arguments], env=case.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def wait_for(self, text):
        """Reads stderr up to the line with `text`."""
        for line in self.process.stderr:
            if text in line.decode():
                return
        raise AssertionError(f"{text!r} did not come, exit status {self.process.wait()}")

    def wait_for_output(self, text):
        """Reads stdout up to the line with `text`."""
        for line in self.process.stdout:
            if text in line.decode():
                return
        raise AssertionError(f"{text!r} did not come, exit status {self.process.wait()}")

    def wait_for_child(self):
        """Until it has started a program."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        while not children.read_text():
            os.sched_yield()

    def finish(self):
        """(exit status, stdout, stderr), of what was not read yet."""
        out, err = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, out.decode(), err.decode()


class ToolTest(unittest.TestCase):
    """One server for all tests of a class."""

    @classmethod
    def start_server(cls):
        return ServerProcess(SERVER).start()

    @classmethod
    def setUpClass(cls):
        cls.server = cls.start_server()
        cls.environment = {key: value for key, value in os.environ.items() if not key.startswith("NATS_")}
        cls.environment["NATS_URL"] = cls.server.url

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def run_tool(self, *arguments, text=None, **environment):
        """(exit status, stdout, stderr)"""
        stdin = {"stdin": subprocess.DEVNULL} if text is None else {"input": text.encode()}
        done = subprocess.run([NUNCIO, *arguments], env={**self.environment, **environment}, capture_output=True,
                              timeout=TIMEOUT, check=False, **stdin)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def subscribed(self, *arguments):
        tool = Tool(self, "sub", *arguments)
        tool.wait_for("Subscribed to")
        return tool

    def replying(self, *arguments):
        tool = Tool(self, "reply", *arguments)
        tool.wait_for("Replying on")
        return tool


class CliTest(ToolTest):
    # pub and sub

    def test_a_message_reaches_a_subscriber(self):
        with self.subscribed("a.*", "--count", "1") as sub:
            self.assertEqual(self.run_tool("pub", "a.b", "hello"), (0, "", 'Published 1 message to "a.b"\n'))
            self.assertEqual(sub.finish()[:2], (0, '[#1] Received on "a.b"\nhello\n\n'))

    def test_raw_shows_payloads_only(self):
        with self.subscribed("a", "--raw", "--count=2") as sub:
            self.run_tool("pub", "a", "number {{Count}}", "--count", "2", "-H", "k:v")
            self.assertEqual(sub.finish(), (0, "number 1\nnumber 2\n", ""))

    def test_headers_and_reply_are_shown(self):
        with self.subscribed("a", "--count=1") as sub:
            self.run_tool("pub", "a", "x", "-H", "K1: v 1", "--header", "k2:v:2", "--reply", "r")
            self.assertEqual(sub.finish()[1], '[#1] Received on "a" with reply "r"\nK1: v 1\nk2: v:2\n\nx\n\n')

    def test_headers_only_leaves_out_the_payload(self):
        with self.subscribed("a", "--count=1", "--headers-only") as sub:
            self.run_tool("pub", "a", "secret", "-H", "k:v")
            self.assertEqual(sub.finish()[1], '[#1] Received on "a"\nk: v\n\n')

    def test_the_body_comes_from_stdin_if_it_is_absent(self):
        body = "two\nlines \u00e4"
        with self.subscribed("a", "--raw", "--count=1") as sub:
            self.assertEqual(self.run_tool("pub", "a", text=body)[0], 0)
            self.assertEqual(sub.finish()[1], body + "\n")

    def test_an_empty_body_is_not_read_from_stdin(self):
        with self.subscribed("a", "--raw", "--count=1") as sub:
            self.assertEqual(self.run_tool("pub", "a", "", text="no")[0], 0)
            self.assertEqual(sub.finish()[1], "\n")

    def test_many_messages_all_arrive(self):
        with self.subscribed("a", "--raw", "--count=20000") as sub:
            self.assertEqual(self.run_tool("pub", "a", "{{Count}} " + "x" * 100, "--count=20000")[0], 0)
            lines = sub.finish()[1].splitlines()
        self.assertEqual([line.split()[0] for line in lines], [str(i) for i in range(1, 20001)])

    def test_a_large_message_arrives_whole(self):
        body = "0123456789" * 100_000
        with self.subscribed("a", "--raw", "--count=1") as sub:
            self.assertEqual(self.run_tool("pub", "a", text=body)[0], 0)
            self.assertEqual(sub.finish()[1], body + "\n")

    def test_a_message_that_the_server_does_not_take_is_refused_before_it_is_sent(self):
        status, _, err = self.run_tool("pub", "a", text="x" * 2_000_000)
        self.assertEqual((status, err), (1, "nuncio: the message has 2000000 bytes, the server takes no more than 1048576\n"))

    def test_members_of_a_queue_group_share_messages(self):
        with self.subscribed("q", "--queue", "g", "--raw") as one, self.subscribed("q", "--queue", "g", "--raw") as two:
            with self.subscribed("q", "--raw", "--count=100") as all_of_them:
                self.run_tool("pub", "q", "{{Count}}", "--count=100")
                self.assertEqual(len(all_of_them.finish()[1].splitlines()), 100)
            # Ctrl-C loses nothing that was on its way.
            lines = []
            for member in (one, two):
                member.process.send_signal(signal.SIGINT)
                status, out, _ = member.finish()
                self.assertEqual(status, 0)
                lines += out.splitlines()
        self.assertEqual(sorted(map(int, lines)), list(range(1, 101)))

    def test_a_member_of_a_queue_group_takes_no_more_than_its_count(self):
        with self.subscribed("q", "--queue=g", "--raw", "--count=3") as one, self.subscribed("q", "--queue=g", "--raw") as two:
            self.run_tool("pub", "q", "x", "--count=50")
            self.assertEqual(len(one.finish()[1].splitlines()), 3)
            two.process.send_signal(signal.SIGINT)
            self.assertEqual(len(two.finish()[1].splitlines()), 47)

    def test_several_subjects_may_be_listened_to(self):
        with self.subscribed("a", "b.>", "--raw", "--count=2") as sub:
            self.run_tool("pub", "a", "1")
            self.run_tool("pub", "b.c.d", "2")
            self.assertEqual(sub.finish()[1], "1\n2\n")

    def test_ctrl_c_ends_sub_and_reply_well(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subscribed("a") as sub, self.replying("a", "x") as reply:
                for tool in (sub, reply):
                    tool.process.send_signal(number)
                    self.assertEqual(tool.finish()[0], 0)

    def test_a_message_is_shown_when_it_arrives(self):
        with self.subscribed("a", "--raw") as sub:
            self.run_tool("pub", "a", "now")
            sub.wait_for_output("now")

    # request and reply

    def test_a_request_gets_a_reply(self):
        with self.replying("greet", "hello, {{Request}} no. {{Count}}", "--count=2") as reply:
            status, out, err = self.run_tool("request", "greet", "world")
            self.assertEqual((status, out), (0, "hello, world no. 1\n"))
            self.assertRegex(err, r"^Received with rtt [0-9.]+ ms\n$")
            self.assertEqual(self.run_tool("request", "greet", "you", "--raw"), (0, "hello, you no. 2\n", ""))
            self.assertEqual(reply.finish()[0], 0)

    def test_what_a_request_holds_is_no_template(self):
        with self.replying("t", "{{Request}}", "--count=1"):
            self.assertEqual(self.run_tool("request", "t", "{{Count}}{{Request}}", "--raw")[1], "{{Count}}{{Request}}\n")

    def test_echo_gives_back_payload_and_headers(self):
        with self.replying("echo", "--echo"):
            status, out, _ = self.run_tool("req", "echo", "x y", "-H", "k:v")
            self.assertEqual((status, out), (0, "k: v\n\nx y\n"))

    def test_a_command_answers(self):
        with self.replying("c.*", "--command", 'printf "%s " "$NATS_REQUEST_SUBJECT" "$NATS_REQUEST_BODY"; tr a-z A-Z'):
            self.assertEqual(self.run_tool("request", "c.x", "$(id) `id`", "--raw")[1], "c.x $(id) `id` $(ID) `ID`\n")

    def test_a_command_may_be_given_more_than_a_pipe_holds(self):
        body = "x" * 1_000_000
        with self.replying("big", "--command", "cat; true"):
            self.assertEqual(self.run_tool("request", "big", "--raw", text=body)[1], body + "\n")

    def test_a_command_that_fails_answers_with_an_error(self):
        with self.replying("c", "--command", "exit 3"):
            status, out, _ = self.run_tool("request", "c", "x")
            self.assertEqual(status, 0)
            self.assertEqual(out, "Nats-Service-Error-Code: 500\n"
                                  "Nats-Service-Error: the command ended with status 3\n\n\n")

    def test_without_responders_a_request_fails_at_once(self):
        status, out, err = self.run_tool("request", "nobody.here", "x", "--timeout", "1h")
        self.assertEqual((status, out, err), (1, "", 'nuncio: no responders are available for "nobody.here"\n'))

    def test_without_a_reply_a_request_ends_in_time(self):
        with self.subscribed("silent"):
            status, out, err = self.run_tool("request", "silent", "x", "--timeout=50ms")
            self.assertEqual((status, out, err), (1, "", "nuncio: no reply came in time\n"))

    def test_several_replies_may_be_waited_for(self):
        with self.replying("many", "1", "--queue=one"), self.replying("many", "2", "--queue=two"):
            status, out, _ = self.run_tool("request", "many", "x", "--replies", "2", "--raw")
            self.assertEqual((status, sorted(out.splitlines())), (0, ["1", "2"]))
            status, out, err = self.run_tool("request", "many", "x", "--replies=3", "--raw", "--timeout=300ms")
            self.assertEqual((status, sorted(out.splitlines())), (1, ["1", "2"]))
            self.assertIn("2 of 3 replies came in time", err)
            status, out, _ = self.run_tool("request", "many", "x", "--replies=0", "--raw", "--timeout=300ms")
            self.assertEqual((status, sorted(out.splitlines())), (0, ["1", "2"]))

    def test_a_reply_that_takes_long_holds_up_no_others(self):
        with tempfile.TemporaryDirectory() as folder:
            gate = os.path.join(folder, "gate")
            os.mkfifo(gate)
            with self.replying("slow", "--command", f"cat {gate}; rm -f {gate}") as reply:
                # More than can wait. The first is answered, all the same, and its asker still waits for that.
                with Tool(self, "request", "slow", "x", "--raw", "--timeout", "1m") as asking:
                    reply.wait_for_child()
                    self.assertEqual(self.run_tool("pub", "slow", "x", "--count=70000")[0], 0)
                    reply.wait_for('messages on "slow" are lost')
                    with open(gate, "w", encoding="utf-8") as opened:
                        opened.write("at last")
                    self.assertEqual(asking.finish()[:2], (0, "at last\n"))

    # around

    def test_the_server_may_be_given_by_flag_anywhere(self):
        url = self.environment["NATS_URL"]
        for arguments in (("-s", url, "pub", "a", "x"), ("pub", "a", "x", "--server", url),
                          ("pub", "-s", "127.0.0.1:1," + url, "a", "x")):
            self.assertEqual(self.run_tool(*arguments, NATS_URL="nats://127.0.0.1:1")[0], 0, arguments)

    def test_without_a_server_the_status_is_3(self):
        status, out, err = self.run_tool("pub", "a", "x", "-s", "127.0.0.1:1")
        self.assertEqual((status, out), (3, ""))
        self.assertEqual(err, "nuncio: can't connect to 127.0.0.1:1: Connection refused\n")

    def test_wrong_usage_has_status_2(self):
        for arguments in ((), ("pub",), ("nothing",), ("pub", "a..b", "x"), ("pub", "a b", "x"), ("pub", "a.*", "x"),
                          ("sub", "a.>.b"), ("sub", "a", "--queue", "x y"), ("pub", "a", "x", "-H", "novalue"),
                          ("pub", "a", "x", "-s", "http://h"), ("pub", "a", "x", "-s", "ws://h,nats://h"),
                          ("pub", "a", "x", "--creds", "/gone"), ("pub", "a", "x", "--nkey", "/gone"),
                          ("request", "a", "x", "--timeout", "soon"), ("request", "a", "x", "--timeout", "0"),
                          ("reply", "a", "x", "--echo"), ("reply", "a", "--echo", "--command", "cat"), ("sub", "a", "--unknown")):
            status, _, err = self.run_tool(*arguments)
            self.assertEqual(status, 2, arguments)
            self.assertNotEqual(err, "", arguments)

    def test_what_is_wrong_with_a_file_is_said(self):
        status, _, err = self.run_tool("pub", "a", "x", "--creds", "/gone")
        self.assertEqual((status, err), (2, "nuncio: /gone: the file can't be read\n"))

    def test_help_lists_verbs_and_exit_statuses(self):
        status, out, _ = self.run_tool("--help")
        self.assertEqual(status, 0)
        for word in ("pub", "sub", "request", "reply", "--creds", "--nkey", "--tlsca", "--tlscert", "--tlskey", "--server", "NATS_URL", "Exit status", "no responders"):
            self.assertIn(word, out)
        for verb in ("pub", "sub", "request", "reply"):
            self.assertEqual(self.run_tool(verb, "--help")[0], 0)

    def test_verbose_shows_the_protocol_without_secrets(self):
        status, _, err = self.run_tool("pub", "a", "x", "--verbose", "--user", "u", "--password", "geheim")
        self.assertEqual(status, 0)
        for line in (">>> CONNECT {", ">>> PUB a 1", ">>> PING", "<<< pong", "<<< info {"):
            self.assertIn(line, err)
        self.assertNotIn("geheim", err)
        status, _, err = self.run_tool("request", "nobody", "x", "--trace", "--token", "geheim")
        self.assertEqual(status, 1)
        self.assertRegex(err, r"(?m)^>>> SUB _INBOX\.\w+ 1$")
        self.assertRegex(err, r"(?m)^<<< hmsg _INBOX\.\w+ 1 \d+ \d+$")
        self.assertNotIn("geheim", err)

    def test_what_the_server_refuses_is_shown(self):
        with ServerProcess(SERVER, ["--max_subscriptions", "1"]) as server:
            status, out, err = self.run_tool("sub", "a", "b", "-s", server.url)
            self.assertEqual((status, out, err), (1, "", "the server says: maximum subscriptions exceeded\n"))
        status, out, err = self.run_tool("pub", "a" * 5000, "x")
        self.assertEqual((status, out), (1, ""))
        self.assertTrue(err.startswith("the server says: maximum control line exceeded\n"), err)

    def test_a_server_that_goes_away_ends_sub_with_status_3(self):
        server = ServerProcess(SERVER).start()
        try:
            with self.subscribed("a", "-s", server.url) as sub:
                server.stop()
                status, _, err = sub.finish()
                self.assertEqual(status, 3)
                self.assertIn("the server closed the connection", err)
        finally:
            server.stop()


class PeerTest(ToolTest):
    """Against nats-server: who may come in, and by which way."""

    SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
    PUBLIC = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"

    @classmethod
    def start_server(cls):
        if not os.access(PEER, os.X_OK):
            raise unittest.SkipTest(f"{PEER} is not there")
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        return ServerProcess(PEER, config="authorization {users: [{nkey: %s}, {user: u, password: p}]}\n"
                                          "websocket {host: 127.0.0.1, port: -1, no_tls: true}" % cls.PUBLIC).start()

    def file(self, name, text=""):
        path = pathlib.Path(self.folder.name, name)
        if text:
            path.write_text(text)
        return str(path)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder.name, stdin=subprocess.DEVNULL, check=True, timeout=TIMEOUT,
                       capture_output=True)

    def test_a_key_signs_in(self):
        key = self.file("key", self.SEED + "\n")
        status, _, err = self.run_tool("pub", "a", "x", "--nkey", key, "--verbose")
        self.assertEqual(status, 0, err)
        self.assertIn('"sig":"***"', err)
        self.assertEqual(self.run_tool("pub", "a", "x", NATS_NKEY=key)[0], 0)

    def test_credentials_are_shown_to_the_server_only(self):
        # This server wants no JWT. What is tried here is that it gets one.
        creds = self.file("creds", "-----BEGIN NATS USER JWT-----\ngeheim.geheim.geheim\n------END NATS USER JWT------\n\n"
                                   f"-----BEGIN USER NKEY SEED-----\n{self.SEED}\n------END USER NKEY SEED------\n")
        status, _, err = self.run_tool("pub", "a", "x", "--creds", creds, "--verbose")
        self.assertEqual(status, 1)
        self.assertIn('"jwt":"***"', err)
        self.assertNotIn("geheim", err)

    def test_who_is_not_let_in_hears_why(self):
        address = f"127.0.0.1:{self.server.port}"
        self.assertEqual(self.run_tool("pub", "a", "x"), (1, "", (
            "the server says: Authorization Violation\n"
            f"nuncio: can't connect to {address}: the server refused the credentials\n")))

    def test_flags_win_over_what_the_url_says(self):
        url = f"nats://u:wrong@127.0.0.1:{self.server.port}"
        self.assertEqual(self.run_tool("pub", "a", "x", "-s", url)[0], 1)
        self.assertEqual(self.run_tool("pub", "a", "x", "-s", url, "--user", "u", "--password", "p")[0], 0)
        self.assertEqual(self.run_tool("pub", "a", "x", "-s", url.replace("wrong", "p"))[0], 0)

    def test_a_websocket_leads_there_too(self):
        line = self.server.wait_for_log("Listening for websocket clients on ")
        url = line.split()[-1].replace("ws://", "ws://u:p@")
        self.assertEqual(self.run_tool("pub", "a", "x", "-s", url), (0, "", 'Published 1 message to "a"\n'))

    def test_tls_with_certificates_on_both_sides(self):
        if not HAS_TLS:
            self.skipTest("nuncio was built without TLS")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key",
                     "-out", "ca.pem", "-subj", "/CN=test-ca", "-days", "2", "-addext", "subjectAltName=IP:127.0.0.1")
        ca, key = self.file("ca.pem"), self.file("ca.key")
        config = f'tls {{cert_file: "{ca}", key_file: "{key}", ca_file: "{ca}", verify: true}}'
        with ServerProcess(PEER, config=config) as server:
            url = server.url.replace("nats://", "tls://")
            self.assertEqual(self.run_tool("pub", "a", "x", "-s", url, "--tlsca", ca, "--tlscert", ca, "--tlskey", key),
                             (0, "", 'Published 1 message to "a"\n'))
            status, _, err = self.run_tool("pub", "a", "x", "-s", url)
            self.assertEqual((status, err), (3, f"nuncio: can't connect to 127.0.0.1:{server.port}: the server's certificate "
                                                "isn't signed by a CA that is trusted\n"))


def main():
    global NUNCIO, SERVER, PEER, HAS_TLS
    words = sys.argv[1:]
    HAS_TLS = "--tls" in words
    peers = [word.partition("=")[2] for word in words if word.startswith("--default-peers=")]
    words = [word for word in words if word != "--tls" and not word.startswith("--default-peers=")]
    if len(words) < 2:
        sys.exit(__doc__)
    NUNCIO, SERVER = (os.path.abspath(path) for path in words[:2])
    PEER = os.path.join(os.environ.get("NUNCIO_PEERS") or (peers + [""])[0], "nats-server")
    unittest.main(argv=[sys.argv[0], *words[2:]])


if __name__ == "__main__":
    main()
