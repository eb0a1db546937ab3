#!/usr/bin/env python3
"""The system account, as nats-server has it: requests, events, and the commands of the `nats` tool that use them.

    system_account.py --server PATH [--peers DIR]

The same is asked of both servers and done to them, and every answer and event is compared: subjects, names and their order, types, values
but for those that differ by nature.
"""

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

from monitoring import both, differences, without_own
from real_clients import ServerProcess, clean_environment, parse, peer, run_tests, wait_until
from watched import Client

# Texts of errors that are Go's there.
GO_TEXT = re.compile(r"json: cannot unmarshal|invalid character")


class Asker(Client):
    """A client that asks and listens."""

    def __init__(self, server, user, name="asker"):
        super().__init__(server, name, user, ',"headers":true,"no_responders":true,"protocol":1')
        self.heard = []
        self.answers = {}
        self.asked = 0
        self.inbox = f"_I.{name}"
        self.send(f"SUB {self.inbox}.* _\r\n")

    def send(self, text):
        self.socket.sendall(text.encode())

    def read(self, seconds):
        """One message more, if one comes."""
        if not self.file.peek(1) if self.has_rest() else not select.select([self.socket], [], [], seconds)[0]:
            return False
        line = self.file.readline().decode().split()
        assert line, "closed"
        if line[0] == "PING":
            self.send("PONG\r\n")
        elif line[0] in ("MSG", "HMSG"):
            body = self.file.read(int(line[-1]) + 2)[:-2]
            head = int(line[-2]) if line[0] == "HMSG" else 0
            if line[1].startswith("_I."):
                self.answers[line[1]] = None if head else body.decode()
            else:
                self.heard.append((line[1], json.loads(body[head:])))
        return True

    def has_rest(self):
        """Is something in the file's buffer?"""
        self.socket.setblocking(False)
        try:
            return bool(self.file.peek(1))
        except (BlockingIOError, TypeError):
            return False
        finally:
            self.socket.settimeout(20)

    def ask(self, subject, payload="", seconds=20.0):
        """The text of the answer; None: nobody is there; "silence"."""
        self.asked += 1
        reply = f"{self.inbox}.{self.asked}"
        self.send(f"PUB {subject} {reply} {len(payload)}\r\n{payload}\r\n")
        end = time.monotonic() + seconds
        while reply not in self.answers:
            if not self.read(max(0, end - time.monotonic())) and time.monotonic() >= end:
                return "silence"
        return self.answers.pop(reply)

    def listen(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(max(0, end - time.monotonic()))

    def hear(self, subject, seconds=20):
        """The next event of this subject, once it is there."""
        end = time.monotonic() + seconds
        while True:
            for i, (is_of, event) in enumerate(self.heard):
                if is_of == subject:
                    del self.heard[i]
                    return event
            assert self.read(max(0, end - time.monotonic())) or time.monotonic() < end, f"no {subject}: {self.heard}"


def server_id(asker):
    return json.loads(asker.ask("$SYS.REQ.SERVER.PING.IDZ"))["id"]


def comparable(answer):
    if answer in (None, "silence"):
        return answer
    found = without_own(json.loads(answer))
    if isinstance(found, dict):
        found.get("server", {}).pop("feature_flags", None)
        text = found.get("error", {}).get("description", "")
        if GO_TEXT.search(text) or "expected" in text or "invalid JSON" in text:
            found["error"]["description"] = "wrong JSON"
    return found


# Also what grows with each question: nats-server counts one before or after it is answered, and its answers hold names of features.
MOMENT = {
    "seq", "time", "timestamp", "id", "subject", "msgs", "bytes", "in_msgs", "in_bytes", "out_msgs", "out_bytes", "in_client_msgs",
    "in_client_bytes", "out_client_msgs", "out_client_bytes",
}


def compare(what, ours, theirs):
    found = []
    for line in differences(ours, theirs):
        name = re.match(r"[^:]*\.(\w+):", line)
        if name and name[1] in MOMENT and "there" in line and not line.split(":")[1].startswith(" members"):
            continue
        found.append(line)
    assert not found, f"{what}:\n      " + "\n      ".join(found)


ASKED_OF_SERVERS = [
    (name, payload)
    for name in ("IDZ", "STATSZ", "VARZ", "SUBSZ", "CONNZ", "ROUTEZ", "GATEWAYZ", "LEAFZ", "ACCOUNTZ", "JSZ", "HEALTHZ", "RAFTZ", "PROFILEZ", "NOTHING")
    for payload in ("", "{}", "null")
] + [
    ("CONNZ", '{"auth":true,"sort":"subs"}'),
    ("CONNZ", '{"subscriptions":true,"auth":true}'),
    ("CONNZ", '{"subscriptions_detail":true,"limit":2,"offset":1}'),
    ("CONNZ", '{"state":1}'),
    ("CONNZ", '{"state":2,"auth":true}'),
    ("CONNZ", '{"user":"a"}'),
    ("CONNZ", '{"acc":"A"}'),
    ("CONNZ", '{"acc":"NOBODY"}'),
    ("CONNZ", '{"acc":"A","filter_subject":"foo.bar"}'),
    ("CONNZ", '{"acc":"A","filter_subject":"foo.*","subscriptions":true}'),
    ("CONNZ", '{"acc":"A","filter_subject":"nothing"}'),
    ("CONNZ", '{"filter_subject":"foo.bar"}'),
    ("CONNZ", '{"sort":"bogus"}'),
    ("CONNZ", '{"sort":"stop"}'),
    ("CONNZ", '{"sort":5}'),
    ("CONNZ", '{"limit":"many"}'),
    ("CONNZ", '{"sort":'),
    ("CONNZ", "x"),
    ("CONNZ", "5"),
    ("CONNZ", "[]"),
    ("SUBSZ", '{"subscriptions":true,"account":"B"}'),
    ("SUBSZ", '{"subscriptions":true,"test":"foo.bar"}'),
    ("SUBSZ", '{"subscriptions":true,"test":"foo.*"}'),
    ("ACCOUNTZ", '{"account":"B"}'),
    ("ACCOUNTZ", '{"account":"NOBODY"}'),
    ("HEALTHZ", '{"stream":"S"}'),
    ("HEALTHZ", '{"details":true,"consumer":"C"}'),
    ("STATSZ", '{"server_name":"on"}'),
    ("STATSZ", '{"server_name":"on","exact_match":true}'),
    ("STATSZ", '{"SERVER_NAME":"other"}'),
    ("STATSZ", '{"server_name":5}'),
    ("VARZ", '{"tags":["none"]}'),
    ("VARZ", '{"cluster":"c"}'),
    ("VARZ", '{"domain":"d"}'),
    ("VARZ", '{"host":"127.0"}'),
]

ASKED_OF_ACCOUNTS = [
    (account, name, payload)
    for name in ("SUBSZ", "CONNZ", "LEAFZ", "JSZ", "INFO", "STATZ", "CONNS", "NOTHING")
    for account in ("B", "NOBODY", "PING")
    for payload in ("",)
] + [
    ("PING", "STATZ", '{"accounts":["B"]}'),
    ("PING", "STATZ", '{"accounts":["NOBODY"],"include_unused":true}'),
    ("PING", "STATZ", '{"include_unused":true}'),
    ("NOBODY", "STATZ", '{"include_unused":true}'),
]


def ask_both(servers, stack, user, questions):
    askers = []
    for server in servers:
        server.crowd = populate_quietly(server, stack)
        askers.append(Asker(server, user))
        stack.callback(askers[-1].close)
    ids = [server_id(Asker(server, "s", "id")) for server in servers]
    for subject, payload in questions:
        answers = [comparable(one.ask(subject.replace("<id>", its), payload, 0.4)) for one, its in zip(askers, ids)]
        compare(f"{subject} {payload}", *answers)


def populate_quietly(server, stack):
    clients = [Client(server, "listener", "a"), Client(server, "other", "c")]
    clients[0].say("SUB foo.* 1\r\nSUB foo.bar workers 2\r\nSUB foo 3\r\n")
    clients[1].say("SUB rest 2\r\nSUB bar 1\r\nPUB bar 3\r\nabc\r\n")
    for each in clients:
        stack.callback(each.close)
    gone = Client(server, "gone", "a")
    gone.say("SUB gone 1\r\n")
    gone.close()
    wait_until(lambda: server.page("/connz?state=closed")["total"] == 1, "the end of a connection")
    return clients


def requests_to_servers(options):
    with both(options) as (servers, stack):
        questions = [(f"$SYS.REQ.SERVER.{to}.{name}", payload) for name, payload in ASKED_OF_SERVERS for to in ("PING", "<id>")]
        ask_both(servers, stack, "s", [*questions, ("$SYS.REQ.SERVER.PING", ""), ("$SYS.REQ.SERVER.PING", '{"server_name":"x"}')])


def requests_to_accounts(options):
    with both(options) as (servers, stack):
        questions = [(f"$SYS.REQ.ACCOUNT.{account}.{name}", payload) for account, name, payload in ASKED_OF_ACCOUNTS]
        more = [("$SYS.REQ.ACCOUNT.NSUBS", payload) for payload in ('{"acc":"A","subject":"foo.bar"}', '{"acc":"NOBODY","subject":"x"}', "", "{")]
        ask_both(servers, stack, "s", questions + more)


def requests_of_ordinary_users(options):
    """Each sees its own account, and nothing else."""
    with both(options) as (servers, stack):
        questions = [
            ("$SYS.REQ.USER.INFO", ""),
            ("$SYS.REQ.SERVER.PING.CONNZ", '{"auth":true}'),
            ("$SYS.REQ.SERVER.PING.CONNZ", '{"acc":"SYS"}'),
            ("$SYS.REQ.ACCOUNT.PING.CONNZ", ""),
            ("$SYS.REQ.ACCOUNT.PING.STATZ", ""),
            ("$SYS.REQ.ACCOUNT.PING.STATZ", '{"accounts":["SYS"]}'),
            ("$SYS.REQ.SERVER.PING", ""),
            ("$SYS.REQ.SERVER.PING.VARZ", ""),
            ("$SYS.REQ.SERVER.<id>.CONNZ", ""),
            ("$SYS.REQ.ACCOUNT.B.CONNZ", ""),
            ("$SYS.DEBUG.SUBSCRIBERS", "foo"),
        ]
        ask_both(servers, stack, "c", questions)


def without_a_system_account(options):
    """Who has none answers nobody."""
    for program in (options.server, peer(options, "nats-server")):
        with ServerProcess(program, config="no_system_account: true\nauthorization { user: a, password: a }") as server:
            server.client_port = server.port
            one = Asker(server, "a")
            assert one.ask("$SYS.REQ.USER.INFO", "", 0.4) is None, "an answer"
            one.close()


def subject_of(subject):
    return re.sub(r"N[A-Z2-7]{55}", "<id>", subject)


def events(options):
    with both(options) as (servers, stack):
        seen = []
        for server in servers:
            asker = Asker(server, "s")
            stack.callback(asker.close)
            asker.say("SUB $SYS.ACCOUNT.> 1\r\nSUB $SYS.SERVER.ACCOUNT.> 2\r\nSUB $SYS.SERVER.*.CLIENT.AUTH.ERR 3\r\n")
            one = Client(server, "one", "c")
            one.say("SUB bar 1\r\nPUB bar 3\r\nabc\r\n")
            asker.hear_all = [asker.hear("$SYS.ACCOUNT.B.CONNECT")]
            one.close()
            asker.hear_all.append(asker.hear("$SYS.ACCOUNT.B.DISCONNECT"))
            refused = Client.__new__(Client)
            try:
                refused.__init__(server, "refused", "c", ',"pass":"wrong"')
                refused.say("")
            except (AssertionError, OSError):
                pass
            asker.hear_all.append(asker.hear("$SYS.ACCOUNT.$G.DISCONNECT"))
            asker.listen(0.3)
            seen.append((asker.hear_all, sorted((subject_of(subject), json.dumps(without_own(event))) for subject, event in asker.heard)))
        for ours, theirs in zip(seen[0][0], seen[1][0]):
            for each in (ours, theirs):
                each["server"].pop("feature_flags", None)
            compare("an event", ours, theirs)
        subjects = [[subject for subject, _ in rest] for _, rest in seen]
        assert subjects[0] == subjects[1], subjects
        for (_, ours), (subject, theirs) in zip(seen[0][1], seen[1][1]):
            compare(subject, comparable(ours), comparable(theirs))


def refused_in_its_account(options):
    """Whoever is in the account of those who say nothing is told, too."""
    with both(options) as (servers, stack):
        for server in servers:
            asker = Asker(server, "s")
            stack.callback(asker.close)
            asker.say("SUB $SYS.SERVER.*.CLIENT.AUTH.ERR 3\r\n")
            for user, said in (("c", "c"), ("nobody", "nobody")):
                try:
                    Client(server, "refused", user, ',"pass":"wrong"').say("")
                except (AssertionError, OSError):
                    pass
                event = asker.hear(f"$SYS.SERVER.{server_id(asker)}.CLIENT.AUTH.ERR")
                assert event["client"].get("user") == said and event["reason"] == "Authentication Failure", event


def kick_and_lame_duck(options):
    with both(options) as (servers, stack):
        for server in servers:
            asker = Asker(server, "s")
            victim = Asker(server, "a", "victim")
            stack.callback(asker.close)
            its = server_id(asker)
            cid = next(each["cid"] for each in server.page("/connz?auth=1")["connections"] if each["authorized_user"] == "a")
            for name, text in (("KICK", "no such client or leafnode id"), ("LDM", "no such client id")):
                answer = json.loads(asker.ask(f"$SYS.REQ.SERVER.{its}.{name}", '{"cid":123456}'))
                assert answer["error"] == {"code": 500, "description": text}, answer
            answer = json.loads(asker.ask(f"$SYS.REQ.SERVER.{its}.LDM", json.dumps({"cid": cid})))
            assert "error" not in answer, answer
            info = b""
            while b'"ldm":true' not in info:  # another one answers CONNECT
                info = victim.file.readline()
                assert info, "closed"
            answer = json.loads(asker.ask(f"$SYS.REQ.SERVER.{its}.KICK", json.dumps({"cid": cid})))
            assert "error" not in answer and list(answer) == ["server"], answer
            assert victim.file.read().replace(b"PING\r\n", b"") == b"", "something else"
            wait_until(lambda at=server: at.page("/connz?state=closed")["total"] >= 1, "the end of the victim")
            closed = server.page("/connz?state=closed")["connections"]
            assert [each["reason"] for each in closed if each["cid"] == cid] == ["Kicked"], closed


def reload(options):
    with both(options) as (servers, stack):
        for server in servers:
            asker = Asker(server, "s")
            stack.callback(asker.close)
            its = server_id(asker)
            server.process.append("max_connections: 77")
            answer = json.loads(asker.ask(f"$SYS.REQ.SERVER.{its}.RELOAD"))
            assert "error" not in answer, answer
            assert server.page("/varz")["max_connections"] == 77
            server.process.append("max_connections: [")
            answer = json.loads(asker.ask(f"$SYS.REQ.SERVER.{its}.RELOAD"))
            assert answer["error"]["code"] == 500 and answer["error"]["description"], answer
            assert server.page("/varz")["max_connections"] == 77


def its_end(options):
    for sent, said, unsaid in ((signal.SIGUSR2, "LAMEDUCK", "SHUTDOWN"), (signal.SIGTERM, "SHUTDOWN", "LAMEDUCK")):
        with both(options, "lame_duck_grace_period: 100ms\nlame_duck_duration: 30s") as (servers, _):
            found = []
            for server in servers:
                asker = Asker(server, "s")
                its = server_id(asker)
                asker.say(f"SUB $SYS.SERVER.{its}.LAMEDUCK 1\r\nSUB $SYS.SERVER.{its}.SHUTDOWN 2\r\n")
                server.process.process.send_signal(sent)
                event = asker.hear(f"$SYS.SERVER.{its}.{said}")
                event.pop("feature_flags", None)
                found.append(event)
                try:
                    asker.listen(0.5)
                except (AssertionError, OSError):
                    pass
                assert not [subject for subject, _ in asker.heard if subject.endswith(unsaid)], asker.heard
                asker.close()
            compare(said, *found)


def statsz_by_itself(options):
    """Who listens gets it from time to time, and at once if somebody asks for all."""
    with both(options) as (servers, stack):
        for server in servers:
            asker = Asker(server, "s")
            stack.callback(asker.close)
            its = server_id(asker)
            asker.say(f"SUB $SYS.SERVER.{its}.STATSZ 1\r\n")
            first = asker.hear(f"$SYS.SERVER.{its}.STATSZ")
            assert list(first) == ["server", "statsz"], first
            asker.send("PUB $SYS.REQ.SERVER.PING.STATSZ 0\r\n\r\n")
            assert asker.hear(f"$SYS.SERVER.{its}.STATSZ", 5)["server"]["seq"] > first["server"]["seq"]


def crowd(options):
    """Who asks faster than is answered, or has too much to say, holds up nobody."""
    with both(options) as (servers, stack):
        server = servers[0]
        crowd = Asker(server, "c", "crowd")
        other = Asker(server, "a", "other")
        stack.callback(crowd.close)
        stack.callback(other.close)
        count = 20_000
        crowd.send(f"PUB $SYS.REQ.SERVER.PING.CONNZ {crowd.inbox}.x 2\r\n{{}}\r\n" * count)
        while other.ask("$SYS.REQ.USER.INFO", "", 0.5) == "silence":
            pass
        crowd.say("")
        answer = json.loads(crowd.ask("$SYS.REQ.SERVER.PING.CONNZ", '{"user":"' + "x" * 100_000 + '"}'))
        assert answer["error"]["code"] == 400, answer
        wait_until(lambda: "requests and events left out" in server.process.log, "a word about it in the log")


def odd_names(options):
    """An account whose name is no part of a subject has no events."""
    config = 'accounts { "a b": { users: [ {user: a, password: a} ] }, SYS: { users: [ {user: s, password: s} ] } }\nsystem_account: SYS'
    with ServerProcess(options.server, config=config) as server:
        server.client_port = server.port
        asker = Asker(server, "s")
        asker.say("SUB $SYS.ACCOUNT.> 1\r\n")
        Client(server, "one", "a").close()
        asker.say("")
        assert json.loads(asker.ask("$SYS.REQ.SERVER.PING.CONNZ", '{"acc":"a b"}'))["data"]["total"] == 0
        assert not asker.heard, asker.heard
        asker.close()


def tool(options):
    """The commands that an operator has in the fingers."""
    program = peer(options, "nats")
    with both(options) as (servers, stack), tempfile.TemporaryDirectory() as home:
        environment = clean_environment(home)
        for server in servers:
            populate_quietly(server, stack)
            url = f"nats://s:s@{server.host}:{server.client_port}"

            def run(*words, at=url, code=0):
                done = subprocess.run([program, "--server", at, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=60, check=False)
                text = done.stdout.decode("utf-8", "replace")
                assert done.returncode == code, f"nats {' '.join(words)} ended with {done.returncode}:\n{text}"
                return text

            for words, parts in (
                (("server", "ls"), ("one", "127.0.0.1"[:3])),
                (("server", "ping", "1"), ("one", "1 replies")),
                (("server", "info"), ("Server information for one", "Version: 2.15.2")),
                (("server", "report", "connections"), ("listener", "other")),
                (("server", "report", "connections", "--account", "B"), ("other",)),
                (("server", "report", "accounts"), ("B ", "SYS")),
                (("server", "report", "cpu"), ("one",)),
                (("server", "report", "mem"), ("one",)),
                (("server", "report", "health"), ("ok (200)",)),
                (("server", "check", "connection"), ("OK Connection",)),
                (("server", "check", "server", "--name", "one"), ("OK one",)),
                (("server", "request", "connections"), ('"connections"',)),
                (("server", "request", "variables"), ('"server_name":"one"',)),
                (("server", "request", "subscriptions"), ('"num_subscriptions"',)),
                (("server", "request", "accounts"), ('"system_account":"SYS"',)),
                (("server", "account", "info", "B"), ("Account information for account B",)),
                (("account", "info"), ("System Account: true",)),
            ):
                text = run(*words)
                for part in parts:
                    assert part in text, f"{part!r} is not in nats {' '.join(words)}:\n{text}"
            told = subprocess.Popen([program, "--server", url, "events", "--all"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
            os.set_blocking(told.stdout.fileno(), False)
            heard = b""
            end = time.monotonic() + 20
            while b"name-to-be-seen" not in heard and time.monotonic() < end:
                Client(server, "name-to-be-seen", "c").close()
                time.sleep(0.2)
                heard += told.stdout.read() or b""
            told.terminate()
            told.wait(20)
            told.stdout.close()
            for part in (b"Client Connection", b"name-to-be-seen", b"Account: B"):
                assert part in heard, heard


def main():
    options = parse(__doc__)
    return run_tests([requests_to_servers, requests_to_accounts, requests_of_ordinary_users, without_a_system_account, events, refused_in_its_account, kick_and_lame_duck, reload, its_end, statsz_by_itself, crowd, odd_names, tool], options)


if __name__ == "__main__":
    sys.exit(main())
