"""Somebody who looks at a server's pages while it works, and many who are connected and do nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request

from .processes import RunError, Server

CONNECTIONS = 10_000
PAUSE_S = 0.2
# nats-server has no metrics.
PAGES = (f"/connz?limit={CONNECTIONS}&sort=pending", "/varz", "/subsz", "/metrics")


class Watcher:
    """Connected clients while the block runs, and a thread that asks for pages one after the other, if `asks`."""

    def __init__(self, server: Server, asks: bool):
        self._server = server
        self._asks = asks
        self._connections: list[socket.socket] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.pages = 0
        self.slowest_s = 0.0
        self.failure = ""

    def __enter__(self) -> "Watcher":
        try:
            for i in range(CONNECTIONS):
                one = socket.create_connection(("127.0.0.1", self._server.port), 30, (f"127.0.1.{i % 200 + 1}", 0))
                one.sendall(b'CONNECT {"verbose":false,"name":"idle"}\r\nSUB idle.%d 1\r\nPING\r\n' % i)
                self._connections.append(one)
            for one in self._connections:
                text = b""
                while not text.endswith(b"PONG\r\n") and b"PONG\r\nINFO" not in text:
                    if not (got := one.recv(4096)):
                        raise RunError("the server closed an idle connection")
                    text += got
        except BaseException:
            self.__exit__()
            raise
        if self._asks:
            self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._done.set()
        if self._thread.ident is not None:
            self._thread.join()
        for one in self._connections:
            one.close()

    def figures(self) -> dict:
        if self.failure:
            raise RunError(self.failure)
        return {"pages_asked": self.pages, "slowest_page_ms": self.slowest_s * 1e3} if self._asks else {}

    def _watch(self) -> None:
        base = f"http://127.0.0.1:{self._server.monitor_port()}"
        while not self._done.is_set():
            for page in PAGES:
                begin = time.monotonic()
                try:
                    with contextlib.closing(urllib.request.urlopen(base + page, timeout=60)) as answer:
                        answer.read()
                except OSError as e:
                    is_absent = isinstance(e, urllib.error.HTTPError) and e.code == 404 and page == "/metrics"
                    if not is_absent:
                        self.failure = f"{page}: {e}"
                        return
                self.pages += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - begin)
            self._done.wait(PAUSE_S)
