"""Configurations with users: what permissions cost, what accounts weigh, how long reading takes."""

from __future__ import annotations

import resource
import socket
import subprocess
import time
from pathlib import Path

from .processes import RunError, Server
from .rows import Row

# Everything that the cases use is allowed by the last entries but a few, and nothing of it is denied.
_ALLOWED = [f"other.{i}.>" for i in range(10)] + ["other.*.bar.>", "idle.*", "churn.*", "foo", "foo.>", "svc.echo",
                                                  "_INBOX.>", "orders.>", "dev.>", "site.>"]
_DENIED = [f"secret.{i}.>" for i in range(10)] + [f"private.{i}.*" for i in range(5)] + [f"foo.x{i}.>" for i in range(5)]

_BCRYPTED = "$2a$11$abcdefghijklmnopqrstuuNtsQpKnIrqhzvyDspTYsMurdIzHE8wC"

ACCOUNTS, USERS, SUBSCRIPTIONS = 1000, 10, 10
CONFIGURED_USERS = 10_000


def _subjects(of: list[str]) -> str:
    return "[" + ", ".join(f'"{each}"' for each in of) + "]"


def permissions() -> str:
    """Everybody is one user, with allow and deny lists of 20."""
    assert len(_ALLOWED) == len(_DENIED) == 20
    rules = f"{{ allow: {_subjects(_ALLOWED)}, deny: {_subjects(_DENIED)} }}"
    return (f"authorization {{ users: [ {{ user: bench, password: p, permissions: {{ publish: {rules}, subscribe: {rules} }} }} ] }}\n"
            "no_auth_user: bench\n")


def accounts() -> str:
    lines = ["accounts {"]
    for a in range(ACCOUNTS):
        users = ", ".join(f"{{user: u{a}_{u}, password: p}}" for u in range(USERS))
        lines.append(f"  A{a} {{ users: [ {users} ] }}")
    return "\n".join(lines) + "\n}\n"


def many_users() -> str:
    lines = ["authorization { users: ["]
    for u in range(CONFIGURED_USERS):
        lines.append(f'  {{ user: user{u}, password: "secret{u}", permissions: {{ publish: ["user.{u}.>", "shared.>"], '
                     f'subscribe: {{ allow: ["user.{u}.>", "_INBOX.>"], deny: "user.{u}.x" }} }} }}')
    return "\n".join(lines) + "\n] }\n"


def passwords() -> str:
    """Everybody is a user without a password; whoever claims to be the victim is asked for one that is hard to check."""
    # "the right one" at cost 11, which is what `nats server passwd` takes.
    return (f'authorization {{ users: [ {{ user: bench, password: p }}, {{ user: victim, password: "{_BCRYPTED}" }} ] }}\n'
            "no_auth_user: bench\n")


def watched() -> str:
    return "http: 127.0.0.1:-1\n"


TEXTS = {"watched": watched, "permissions": permissions, "accounts": accounts, "many_users": many_users, "passwords": passwords}


def write(folder: Path) -> dict[str, str]:
    """Writes the configurations; their paths by name."""
    paths = {}
    for name, text in TEXTS.items():
        path = folder / f"{name}.conf"
        path.write_text(text())
        paths[name] = str(path)
    return paths


def run_accounts(server: Server) -> dict:
    """Every user of every account is connected and has its subscriptions."""
    before = _rss(server.pid)
    connections = []
    try:
        for a in range(ACCOUNTS):
            for u in range(USERS):
                # 200 addresses, so that no address runs out of ports.
                connection = socket.create_connection(("127.0.0.1", server.port), 30,
                                                      (f"127.0.1.{len(connections) % 200 + 1}", 0))
                subs = "".join(f"SUB a{a}.u{u}.{s}.> {s}\r\n" for s in range(SUBSCRIPTIONS))
                connection.sendall(f'CONNECT {{"verbose":false,"user":"u{a}_{u}","pass":"p"}}\r\n{subs}PING\r\n'.encode())
                connections.append(connection)
        for connection in connections:
            text = b""
            while b"PONG\r\n" not in text:  # a PING of the server's may follow
                got = connection.recv(4096)
                if not got:
                    raise RunError(f"the server closed: {text[-200:]!r}")
                text += got
        time.sleep(1)  # as for idle connections: what is freed late counts for nobody
        after = _rss(server.pid)
        return {"rss_bytes": after, "rss_bytes_per_connection": (after - before) / len(connections)}
    finally:
        for connection in connections:
            connection.close()


def run_check(path: str, configuration: str) -> dict:
    """How long `-t` takes, and the CPU time of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    done = subprocess.run([path, "-c", configuration, "-t"], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    took = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RunError(f"-t says {done.stderr[-300:]!r}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"check_ms": took * 1e3, "check_cpu_ms": cpu * 1e3}


def run(row: Row, path: str, args: list[str], configurations: dict[str, str]) -> dict:
    if row.case == "check":
        return run_check(path, configurations[row.configuration])
    with Server(path, [*args, "-c", configurations[row.configuration]]) as server:
        return run_accounts(server)


def _rss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RunError("the server is gone")

