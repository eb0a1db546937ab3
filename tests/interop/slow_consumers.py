#!/usr/bin/env python3
"""What becomes of receivers that lag, where a configuration file has a say in it.

    slow_consumers.py --server PATH [--peers DIR]

All of it passes against nats-server, too.
"""

import socket
import sys
import time

from real_clients import ServerProcess, parse, run_tests

CONNECT = b'CONNECT {"verbose":false}\r\nPING\r\n'


def connected(server, buffer=None):
    one = socket.socket()
    if buffer:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    one.settimeout(20)
    one.connect((server.host, server.port))
    one.sendall(CONNECT)
    until(one, b"PONG\r\n")
    return one


def until(one, what):
    got = bytearray()
    while not got.endswith(what):
        more = one.recv(65536)
        assert more, bytes(got[-200:])
        got += more
    return bytes(got)


def ping(one):
    one.sendall(b"PING\r\n")
    return until(one, b"PONG\r\n")


def listening(server, words=b"SUB foo 1\r\n", buffer=64 * 1024):
    one = connected(server, buffer)
    one.sendall(words)
    ping(one)
    return one


def publish(one, subject, size, count):
    for _ in range(count):
        one.sendall(b"PUB %s %d\r\n" % (subject, size) + b"x" * size + b"\r\n")
    ping(one)


def drain(one):
    """All that comes until the answer to a PING."""
    one.sendall(b"PING\r\n")
    return until(one, b"PONG\r\n")


def what_a_lagging_receiver_misses_is_lost_to_it_alone(options):
    config = "max_pending: 4MB, max_payload: 64KB, no_fast_producer_stall: true, write_deadline: 60s"
    with ServerProcess(options.server, config=config) as server:
        slow, quick, producer = listening(server), listening(server, b"SUB foo 1\r\nSUB end 2\r\n", 1 << 20), connected(server)
        payload, count = 32 * 1024, 1000  # eight times what may be pending
        total = 0
        quick.settimeout(30)
        for _ in range(count // 10):
            publish(producer, b"foo", payload, 10)
            got = ping(quick)
            total += got.count(b"MSG foo")
        assert total == count, total
        # The slow one is still there, has a part of it, whole messages only, and hears what comes afterwards.
        got = drain(slow)
        have = got.count(b"MSG foo")
        assert 0 < have < count, have
        assert got.count(b"x" * payload + b"\r\n") == have
        publish(producer, b"foo", 2, 1)
        assert b"MSG foo 1 2\r\nxx\r\n" in drain(slow)


def another_member_of_the_queue_gets_it(options):
    config = "max_pending: 1MB, max_payload: 64KB, no_fast_producer_stall: true, write_deadline: 60s"
    with ServerProcess(options.server, config=config) as server:
        slow, quick, producer = listening(server, b"SUB foo q 1\r\n"), listening(server, b"SUB foo q 1\r\n", 1 << 20), connected(server)
        total = 0
        for _ in range(40):
            publish(producer, b"foo", 32 * 1024, 10)
            total += ping(quick).count(b"MSG foo")
        assert total + drain(slow).count(b"MSG foo") == 400, total


def who_takes_something_within_the_deadline_stays(options):
    with ServerProcess(options.server, config='write_timeout: retry, write_deadline: "1s"') as server:
        dead, slow, producer = listening(server), listening(server), connected(server)
        publish(producer, b"foo", 512 * 1024, 40)
        end, got = time.monotonic() + 4, 0
        while time.monotonic() < end:
            got += len(slow.recv(16384))
            time.sleep(0.01)
        rest = drain(slow)
        assert got + len(rest) > 40 * 512 * 1024, got
        # The one that takes nothing is closed.
        producer.settimeout(20)
        size = 0
        try:
            while True:
                more = dead.recv(1 << 20)
                if not more:
                    break
                size += len(more)
        except ConnectionError:
            pass
        assert size < 40 * 512 * 1024


TESTS = [what_a_lagging_receiver_misses_is_lost_to_it_alone, another_member_of_the_queue_gets_it,
         who_takes_something_within_the_deadline_stays]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, parse(__doc__)))
