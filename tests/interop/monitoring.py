#!/usr/bin/env python3
"""The pages of monitoring, field by field as nats-server has them.

    monitoring.py --server PATH [--peers DIR]

The same clients do the same on both servers, and each page is compared: names and their order, types, values but for those that
differ by nature (ids, times, the process). What we have on purpose otherwise is listed in OURS.
"""

import contextlib
import json
import pathlib
import re
import socket
import sys
import tempfile
import threading
import time
import types

from certificates import WORLD, run_tests_with_certificates
from real_clients import parse, peer, wait_until
from watched import Client, Watched
from web import Web

CONFIG = """
server_name: one
http: 127.0.0.1:-1
max_payload: 1MB
accounts {{
  A {{ users: [ {{user: a, password: a}}, {{user: b, password: b, permissions: {{publish: "x.>"}} }} ], mappings: {{ "old.*": "new.$1" }} }}
  B {{ users: [ {{user: c, password: c}} ] }}
  SYS {{ users: [ {{user: s, password: s}} ] }}
}}
system_account: SYS
{more}
"""

# Of the process, the moment, or a choice at random.
FLEETING = {
    "server_id", "now", "start", "uptime", "idle", "last_activity", "stop", "rtt", "mem", "cpu", "port", "http_port", "https_port", "go",
    "gomaxprocs", "cores", "config_load_time", "config_digest", "cid", "update_time", "http_req_stats", "git_commit", "max_fanout",
    "avg_fanout", "cache_hit_rate", "num_cache", "num_matches", "version", "tls_cert_not_after", "feature_flags", "disk_io_wait_stats",
    "pending_bytes",
}
# Each has its own for what the server itself is asked.
SUBSCRIPTIONS = {"subscriptions", "num_subscriptions", "num_inserts", "total"}


def shape(value):
    """Of what is another each time: its type, and of a text how it is written."""
    if isinstance(value, str):
        text = re.sub(r"[0-9a-f]{64}$", "<digest>", value)
        text = re.sub(r"\.\d+Z$", "Z", text)
        text = re.sub(r"(\d+[ywdhms]|\d+m(?=\d))+$", "<uptime>", text)
        text = re.sub(r"^[\d.]+(µs|ms)$", "<duration>", text)
        text = re.sub(r"^N[A-Z2-7]{55}$", "<id>", text)
        text = re.sub(r"^go[\d.]+$|^-$", "<go>", text)
        return re.sub(r"\d", "0", text) if text.endswith("Z") else text
    if isinstance(value, bool) or value is None or not isinstance(value, (int, float)):
        return type(value).__name__
    return "number"


def differences(ours, theirs, path=""):
    """What is different, one line each."""
    name = path.rpartition(".")[2]
    if isinstance(ours, dict) and isinstance(theirs, dict) and name not in FLEETING:
        if list(ours) != list(theirs):
            yield f"{path}: members {list(ours)}, there {list(theirs)}"
        for key in theirs:
            if key in ours:
                yield from differences(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            yield f"{path}: {len(ours)} elements, there {len(theirs)}"
        for i, (a, b) in enumerate(zip(ours, theirs)):
            yield from differences(a, b, f"{path}[{i}]")
    elif name in FLEETING or name in SUBSCRIPTIONS:
        if name not in {"feature_flags", "disk_io_wait_stats"} and shape(ours) != shape(theirs):
            yield f"{path}: {ours!r} ({shape(ours)}), there {theirs!r} ({shape(theirs)})"
    elif ours != theirs or type(ours) is not type(theirs):
        yield f"{path}: {ours!r}, there {theirs!r}"


def without_own(page):
    """A page of ours or theirs without the services of the system, which each has its own of."""
    if isinstance(page, dict):
        page.pop("feature_flags", None)  # of JetStream
        for key in ("imports", "exports"):  # of the system account
            page.pop(key, None)
        for key in ("subscriptions_list", "subscriptions_list_detail", "accounts", "account_statz"):  # in any order
            if isinstance(page.get(key), list):
                page[key].sort(key=json.dumps)
        listed = page.get("subscriptions_list")
        if isinstance(listed, list) and listed and isinstance(listed[0], dict):
            page["subscriptions_list"] = [each for each in listed if not each["subject"].startswith("$SYS.")]
        for each in page.values():
            without_own(each)
    elif isinstance(page, list):
        for each in page:
            without_own(each)
    return page


@contextlib.contextmanager
def both(options, more=""):
    """The server under test and nats-server, with the same clients that have done the same."""
    theirs = peer(options, "nats-server")
    with tempfile.TemporaryDirectory(prefix="monitoring-") as name, contextlib.ExitStack() as stack:
        servers = []
        for which, program in (("ours", options.server), ("theirs", theirs)):
            place = pathlib.Path(name) / which
            place.mkdir()
            servers.append(stack.enter_context(Watched(program, place, CONFIG.format(more=more))))
        yield servers, stack


def populate(server, stack):
    clients = {}

    def add(name, user, more=""):
        clients[name] = Client(server, name, user, more)
        stack.callback(clients[name].close)
        return clients[name]

    add("quiet", "a")
    add("listener", "a").say("SUB foo.* 1\r\nSUB foo.bar workers 2\r\nSUB new.x 3\r\nUNSUB 3 10\r\n")
    add("speaker", "b", ',"headers":true').say("PUB x.y 5\r\nhello\r\nPUB foo.bar 2\r\nno\r\nHPUB x.h 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
    add("other", "c").say("SUB > all\r\nPUB foo.bar 3\r\nabc\r\n")
    clients["quiet"].say("PUB foo.bar 4\r\nabcd\r\nPUB foo.other 4\r\nabcd\r\nPUB old.x 1\r\n.\r\n")
    gone = Client(server, "gone", "a")
    gone.say("SUB gone.> 9\r\nPUB foo.bar 1\r\n!\r\n")
    gone.close()
    wait_until(lambda: server.page("/connz?state=closed")["total"] == 1, "the end of a connection")
    for each in clients.values():
        each.say("")
    return clients


def same_page(servers, page):
    answers = [without_own(server.page(page)) for server in servers]
    found = list(differences(*answers))
    assert not found, f"{page}:\n      " + "\n      ".join(found)


def pages(options):
    with both(options) as (servers, stack):
        for server in servers:
            populate(server, stack)
        for page in ("/varz", "/connz", "/connz?auth=1", "/connz?subs=true", "/connz?subs=detail&auth=t", "/connz?state=closed&auth=1",
                     "/connz?state=closed&subs=detail", "/connz?state=any&sort=cid", "/connz?acc=A&auth=1", "/connz?acc=NO", "/connz?cid=999",
                     "/connz?user=b&auth=1", "/connz?limit=2", "/connz?limit=1&offset=2", "/connz?offset=99", "/connz?limit=-1",
                     "/subsz?subs=1&acc=A", "/subsz?subs=1&acc=A&test=foo.bar", "/subsz?subs=1&acc=A&limit=9223372036854775807", "/subscriptionsz?acc=B&subs=1", "/subsz?acc=NO&subs=1",
                     "/accountz?acc=A", "/accountz?acc=B", "/accountz?acc=SYS", "/accountz", "/accstatz", "/accstatz?unused=1", "/healthz", "/healthz?details=1", "/jsz",
                     "/ipqueuesz", "/routez", "/routez?subs=1", "/leafz", "/gatewayz", "/gatewayz?accs=1"):
            same_page(servers, page)


def orders(options):
    with both(options) as (servers, stack):
        for server in servers:
            populate(server, stack)
        for sort in ("cid", "start", "subs", "msgs_to", "msgs_from", "bytes_to", "bytes_from", "uptime"):
            names = [[one["name"] for one in server.page(f"/connz?sort={sort}")["connections"]] for server in servers]
            values = [[one[key] for one in server.page(f"/connz?sort={sort}")["connections"]] for server in servers
                      for key in ("subscriptions", "out_msgs", "in_msgs", "out_bytes", "in_bytes")]
            # Equals are in any order.
            if sort in ("cid", "start", "uptime"):
                assert names[0] == names[1], (sort, names)
            place = {"subs": 0, "msgs_to": 1, "msgs_from": 2, "bytes_to": 3, "bytes_from": 4}.get(sort)
            if place is not None:
                assert values[place] == values[place + 5] == sorted(values[place], reverse=True), (sort, values)


def in_order(values, falling=False):
    assert len(set(values)) >= 3, values
    assert values == sorted(values, reverse=falling), values


def moment(text):
    """Of a time as pages have it, whose zeros at the end are left out."""
    head, _, rest = text.removesuffix("Z").partition(".")
    return head + "." + rest.ljust(9, "0")


def duration(text):
    unit = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1}
    return sum(float(number) * unit[name] for number, name in re.findall(r"([\d.]+)(ns|µs|ms|s)", text))


def orders_of_activity(options):
    with both(options) as (servers, stack):
        for server in servers:
            clients = populate(server, stack)
            for name in ("other", "quiet", "speaker", "listener"):
                time.sleep(0.02)  # moments that both servers tell apart
                clients[name].say("PUB x.nobody 0\r\n\r\n")  # a PING is no activity
            for sort, falling in (("last", True), ("idle", False)):
                shown = server.page(f"/connz?sort={sort}")["connections"]
                in_order([moment(one["last_activity"]) for one in shown], falling)
                names = [one["name"] for one in shown]
                assert names == ["listener", "speaker", "quiet", "other"][::1 if falling else -1], (sort, names)
            in_order([moment(one["start"]) for one in server.page("/connz?sort=uptime")["connections"]], True)


def orders_by_round_trip(options):
    """Clients that answer PINGs after a while of their own."""
    with both(options, "ping_interval: 200ms\nping_max: 50") as (servers, stack):
        for server in servers:
            over = threading.Event()
            stack.callback(over.set)
            delays = {"slow": 0.06, "quick": 0.001, "middling": 0.03}

            def answer(one, delay, over=over):
                with contextlib.suppress(OSError, ValueError):
                    while not over.is_set():
                        if one.file.readline().startswith(b"PING"):
                            time.sleep(delay)
                            one.socket.sendall(b"PONG\r\n")

            for name, delay in delays.items():
                one = Client(server, name, "a")
                threading.Thread(target=answer, args=(one, delay), daemon=True).start()
                stack.callback(one.socket.close)

            def measured(server=server):
                shown = server.page("/connz?sort=rtt")["connections"]
                trips = [duration(one.get("rtt", "0s")) for one in shown]
                return all(trip >= delays[one["name"]] for one, trip in zip(shown, trips)) and [one["name"] for one in shown] == list(
                    sorted(delays, key=delays.get, reverse=True)) and trips == sorted(trips, reverse=True)

            wait_until(measured, "round trips in their order")


def orders_by_pending(options):
    with both(options) as (servers, stack):
        for server in servers:
            def silent(name, subjects, server=server):
                one = socket.socket()
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.connect((server.host, server.client_port))
                stack.callback(one.close)
                one.sendall(f'CONNECT {{"verbose":false,"user":"a","pass":"a","name":"{name}"}}\r\n'.encode()
                            + "".join(f"SUB {subject} {i}\r\n" for i, subject in enumerate(subjects, 1)).encode() + b"PING\r\n")
                got = b""
                while b"PONG" not in got:
                    got += one.recv(4096)

            silent("some", ["fill"])
            silent("more", ["fill", "fill"])
            silent("most", ["fill", "fill", "fill"])
            speaker = Client(server, "speaker", "a")
            stack.callback(speaker.close)
            for _ in range(8):  # more than the kernel takes
                speaker.say("PUB fill 1000000\r\n" + "x" * 1_000_000 + "\r\n")

            def settled(server=server):
                shown = server.page("/connz?sort=pending")["connections"]
                pending = [one["pending_bytes"] for one in shown]
                return ([one["name"] for one in shown] == ["most", "more", "some", "speaker"] and pending == sorted(pending, reverse=True)
                        and pending[2] > 0)

            wait_until(settled, "what is pending, in its order")


def orders_of_closed(options):
    with both(options) as (servers, _):
        for server in servers:
            def ended(count, server=server):
                wait_until(lambda: server.page("/connz?state=closed")["total"] == count, f"the end of {count}")

            def last_words(text, server=server):
                one = socket.create_connection((server.host, server.client_port), 20)
                one.sendall(text.encode())
                with contextlib.suppress(ConnectionError):
                    while one.recv(4096):
                        pass
                one.close()

            login = 'CONNECT {"verbose":false,"user":"a","pass":"a"}\r\n'
            last_words(login + "PUB x 2000000\r\n")
            ended(1)
            Client(server, "gone", "a").close()
            ended(2)
            last_words('CONNECT {"verbose":false,"user":"a","pass":"wrong"}\r\n')
            ended(3)
            last_words(login + "SUB x..y 1\r\n" + "NONSENSE\r\n")
            ended(4)
            by_stop = server.page("/connz?state=closed&sort=stop")["connections"]
            in_order([moment(one["stop"]) for one in by_stop], True)
            in_order([one["reason"] for one in server.page("/connz?state=closed&sort=reason")["connections"]])
            cids = [one["cid"] for one in by_stop]
            assert cids == sorted(cids, reverse=True), cids  # each began after the one before had ended


def counters_agree(options):
    """What connections have sent and got, open or not, is what accounts and the server have."""
    with both(options) as (servers, stack):
        for server in servers:
            clients = populate(server, stack)
            clients["quiet"].say("PUB foo.z 3\r\nabc\r\n" * 50)
            for one in clients.values():
                one.say("")
            names = ("in_msgs", "in_bytes", "out_msgs", "out_bytes")
            connections = server.page("/connz?state=any")["connections"]
            by_connection = [sum(one[name] for one in connections) for name in names]
            accounts = server.page("/accstatz?unused=1")["account_statz"]
            by_account = [sum(one[way][what] for one in accounts) for way in ("received", "sent") for what in ("msgs", "bytes")]
            varz = server.page("/varz")
            of_server = [varz[name] for name in names]
            assert by_connection == of_server, (by_connection, of_server)
            assert by_account == of_server, (by_account, of_server)
            assert [varz[name.replace("_", "_client_")] for name in names] == of_server, varz
            assert of_server[0] > 50 and of_server[2] > 50, of_server


def stripped_headers(options):
    """Who has no headers is counted what it gets; accounts and the server count what was published."""
    with both(options) as (servers, stack):
        answers = []
        for server in servers:
            clients = {}
            for name, more in (("with", ',"headers":true'), ("without", ""), ("member", ""), ("speaker", ',"headers":true')):
                clients[name] = Client(server, name, "a", more)
                stack.callback(clients[name].close)
            clients["with"].say("SUB x 1\r\n")
            clients["without"].say("SUB x 1\r\n")
            clients["member"].say("SUB x workers 1\r\n")
            clients["speaker"].say("HPUB x 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPUB x 5\r\nhello\r\n")
            for one in clients.values():
                one.say("")
            shown = {one["name"]: (one["out_msgs"], one["out_bytes"]) for one in server.page("/connz")["connections"]}
            varz = server.page("/varz")
            account = next(one for one in server.page("/accstatz")["account_statz"] if one["acc"] == "A")
            answers.append((shown, varz["out_msgs"], varz["out_bytes"], account["sent"]["msgs"], account["sent"]["bytes"]))
        assert answers[0] == answers[1], answers
        assert answers[0][0] == {"with": (2, 19), "without": (2, 7), "member": (2, 7), "speaker": (0, 0)}, answers


def websocket_clients(options):
    with both(options, "websocket { host: 127.0.0.1, port: -1, no_tls: true }") as (servers, stack):
        for server in servers:
            one = Web(types.SimpleNamespace(port=server.websocket_port))
            stack.callback(one.socket.close)
            assert not one.log_in(',"user":"a","pass":"a","name":"web","lang":"x","version":"1.2"')
            one.send(b"SUB foo 1\r\nPUB foo 5\r\nhello\r\nPING\r\n")
            one.until(b"PONG")
            shown = server.page("/connz?subs=1")["connections"]
            assert [(each["name"], each["type"], each["out_bytes"]) for each in shown] == [("web", "websocket", 5)], shown
        for page in ("/connz?auth=1&subs=1", "/subsz?subs=1&acc=A", "/varz"):
            same_page(servers, page)
        for server in servers:
            one = Web(types.SimpleNamespace(port=server.websocket_port))
            one.log_in(',"user":"a","pass":"a","name":"gone"')
            one.socket.close()
            wait_until(lambda: server.page("/connz?state=closed")["total"] == 1, "the end of a connection")  # noqa: B023
        same_page(servers, "/connz?state=closed&auth=1")


def wrong_questions(options):
    with both(options) as (servers, _):
        for page in ("/connz?auth=xx", "/connz?limit=x", "/connz?offset=1.5", "/connz?cid=-1", "/connz?cid=99999999999999999999",
                     "/connz?state=zz", "/connz?sort=bogus", "/connz?sort=stop", "/connz?sort=reason&state=open", "/connz?subs=yes",
                     "/connz?limit=x&auth=xx", "/subsz?test=foo.*&subs=1", "/subsz?limit=x", "/subsz?subs=x", "/accountz?acc=NO", "/accstatz?unused=x",
                     "/healthz?stream=a", "/healthz?stream=a&details=1", "/healthz?consumer=c", "/healthz?details=x", "/healthz?account=NO",
                     "/raftz", "/nothing", "/varz/", "/ipqueuesz?all=x", "/routez?subs=x", "/leafz?subs=x", "/gatewayz?accs=x", "/jsz?limit=x"):
            ours, theirs = (server.ask(page) for server in servers)
            assert ours == theirs, f"{page}: {ours}, there {theirs}"


def subscriptions_by_pages(options):
    """Pages of a list are parts of one order: together they have each subscription once."""
    with both(options) as (servers, stack):
        for server in servers:
            for i in range(7):
                one = Client(server, f"c{i}", "a")
                stack.callback(one.close)
                one.say("".join(f"SUB s.{i}.{j} {j}\r\n" for j in range(i * 3)))
            whole = [one["subject"] for one in server.page("/subsz?subs=1&acc=A&limit=1000")["subscriptions_list"]]
            total = server.page("/subsz?subs=1&acc=A")["total"]
            assert len(whole) == total, (len(whole), total)
            if server is servers[0]:  # nats-server's order is another each time
                parts = []
                for offset in range(0, total, 10):
                    part = server.page(f"/subsz?subs=1&acc=A&limit=10&offset={offset}")
                    assert part["total"] == total, part
                    parts += [one["subject"] for one in part["subscriptions_list"]]
                assert parts == whole, (parts, whole)
            assert sum(subject.startswith("s.") for subject in whole) == 63
            assert "subscriptions_list" not in server.page(f"/subsz?subs=1&acc=A&offset={total}")


def remembered_connections(options):
    for most, expected in (("2", ["two", "three"]), ("0", ["one", "two", "three"])):
        with both(options, f"max_closed_clients: {most}") as (servers, _):
            for server in servers:
                for count, name in enumerate(("one", "two", "three"), 1):
                    Client(server, name, "a").close()
                    wait_until(lambda: name in server.ask("/connz?state=closed")[2], f"the end of {name}")  # noqa: B023
                    assert server.page("/varz")["total_connections"] == count
                shown = server.page("/connz?state=closed")
                assert [one["name"] for one in shown["connections"]] == expected, shown
                assert shown["total"] == len(expected), shown


def as_text(options):
    """?format=text, which is ours alone."""
    with both(options) as (servers, stack):
        server = servers[0]
        populate(server, stack)
        status, kind, body = server.ask("/connz?format=text&auth=1&subs=1")
        assert status == 200 and kind.startswith("text/plain"), (status, kind)
        lines = body.splitlines()
        assert any(line.startswith("num_connections:") and line.endswith("4") for line in lines), body
        head = next(line for line in lines if "authorized_user" in line)
        assert all(word in head for word in ("cid", "in_msgs", "name")), head
        assert any("speaker" in line and " b " in line for line in lines), body


def counted_requests(options):
    with both(options) as (servers, _):
        for server in servers:
            for page in ("/varz", "/subsz", "/subscriptionsz", "/healthz", "/", "/ipqueuesz", "/nothing", "/connz?auth=xx"):
                server.ask(page)
        ours, theirs = (server.page("/varz")["http_req_stats"] for server in servers)
        assert ours == theirs, (ours, theirs)


def tls_clients(options):
    more = f"tls {{ {WORLD.files()}, ca_file: \"{WORLD.ca.file}\", verify: true }}"
    with both(options, more) as (servers, stack):
        for server in servers:
            plain = socket.create_connection((server.host, server.client_port), 20)
            plain.recv(4096)
            one = WORLD.context(pair=WORLD.client).wrap_socket(plain, server_hostname="localhost")
            stack.callback(one.close)
            one.sendall(b'CONNECT {"verbose":false,"user":"a","pass":"a","name":"secret"}\r\nPING\r\n')
            got = b""
            while b"PONG" not in got:
                got += one.recv(4096)
        same_page(servers, "/connz?auth=1")
        same_page(servers, "/varz")


def main():
    options = parse(__doc__)
    return run_tests_with_certificates([pages, orders, orders_of_activity, orders_by_round_trip, orders_by_pending, orders_of_closed, counters_agree, stripped_headers,
                                        websocket_clients, wrong_questions, subscriptions_by_pages, remembered_connections, as_text, counted_requests, tls_clients], options)


if __name__ == "__main__":
    sys.exit(main())
