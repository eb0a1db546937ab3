"""A server whose pages can be read, and clients for it."""

import contextlib
import http.client
import json
import pathlib
import socket

from real_clients import ServerProcess, wait_until


class Client:
    def __init__(self, server, name, user, more=""):
        self.socket = socket.create_connection((server.host, server.client_port), 20)
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.say(f'CONNECT {{"verbose":false,"user":"{user}","pass":"{user}","name":"{name}","lang":"x","version":"1.2"{more}}}\r\n')

    def say(self, text):
        self.socket.sendall(text.encode() + b"PING\r\n")
        while not (line := self.file.readline()).startswith(b"PONG"):
            assert line, "closed"

    def close(self):
        self.file.close()
        self.socket.close()


class Watched:
    """A server with pages by HTTP, on any port. The folder is for its ports file."""

    def __init__(self, program: str, folder: pathlib.Path, config: str):
        self.process = ServerProcess(program, ["--ports_file_dir", str(folder)], config=config)
        self.folder = folder
        self.port = 0
        self.websocket_port = 0

    def __enter__(self):
        self.process.start()
        assert self.process.wait_for_log("Server is ready") is not None, self.process.log
        wait_until(lambda: list(self.folder.glob("*.ports")), "the ports file")
        found = {}

        def read():
            with contextlib.suppress(ValueError):
                found.update(json.loads(next(self.folder.glob("*.ports")).read_text()))
            return found

        wait_until(read, "what is in the ports file")
        self.port = int(found["monitoring"][0].rpartition(":")[2])
        self.websocket_port = int(found["websocket"][0].rpartition(":")[2]) if found.get("websocket") else 0
        return self

    def __exit__(self, *_):
        self.process.stop()

    @property
    def host(self):
        return self.process.host

    @property
    def client_port(self):
        return self.process.port

    def ask(self, page, method="GET", headers=None):
        one = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        one.request(method, page, headers=headers or {})
        answer = one.getresponse()
        body = answer.read().decode()
        one.close()
        return answer.status, answer.getheader("Content-Type"), body

    def page(self, page):
        status, _, body = self.ask(page)
        assert status == 200, (page, status, body)
        return json.loads(body)
