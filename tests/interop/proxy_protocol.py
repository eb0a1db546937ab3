#!/usr/bin/env python3
"""The PROXY protocol before clients, plain and with TLS.

    proxy_protocol.py --server PATH [--peers DIR]

All of it passes against nats-server, too, but for what says so.
"""

import json
import re
import socket
import struct
import sys
import time

import tls
from certificates import WORLD, run_tests_with_certificates
from real_clients import ServerProcess, Skip, parse

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = socket.inet_aton("10.1.2.3") + socket.inet_aton("192.0.2.1") + struct.pack(">HH", 8080, 4222)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") * 2 + V4[8:]
TEXT = b"PROXY TCP4 10.1.2.3 192.0.2.1 8080 4222\r\n"


def binary(command=0x21, family=0x11, rest=V4):
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(rest)) + rest


def serving(options, more=""):
    return ServerProcess(options.server, ["-D"], config="proxy_protocol: true\n" + more)


def is_reference(options):
    return "nats-server" in options.server


def info_of(line):
    return json.loads(line[5:])


def greeted(server):
    one = tls.tcp(server)
    assert "client_ip" not in info_of(tls.line(one))
    return one


def who_says(server, header, pieces=None):
    with greeted(server) as one:
        for i in range(0, len(header), pieces or len(header) or 1):
            one.sendall(header[i:i + (pieces or len(header))])
            if pieces:
                time.sleep(0.001)
        one.sendall(b'CONNECT {"verbose":false,"protocol":1}\r\nPING\r\n')
        got = b""
        while not (b'"connect_info":true' in got and got.endswith(b"\r\n")):
            more = one.recv(65536)
            if not more:
                return "closed"
            got += more
        return json.loads(re.search(rb"INFO (\{.*\})", got)[1])["client_ip"]


def is_closed(server, header, patience=10.0):
    with greeted(server) as one:
        one.sendall(header)
        return tls.rest(one, patience) == (b"", True)


# --- plain ---


def both_forms_say_who_is_there(options):
    with serving(options) as server:
        assert who_says(server, TEXT) == "10.1.2.3"
        assert who_says(server, b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n") == "2001:db8::7"
        assert who_says(server, b"PROXY TCP6 ::ffff:10.0.0.9 ::1 1 2\r\n") == "10.0.0.9"
        assert who_says(server, binary()) == "10.1.2.3"
        assert who_says(server, binary(family=0x21, rest=V6)) == "2001:db8::7"
        assert who_says(server, binary(rest=V4 + b"\4\0\2hi")) == "10.1.2.3"


def a_header_comes_in_any_pieces(options):
    with serving(options) as server:
        for header in (TEXT, binary(), binary(rest=V4 + b"\4" * 500)):
            for pieces in (1, 5, 13):
                assert who_says(server, header, pieces) == "10.1.2.3"


def words_right_behind_the_header_are_heard(options):
    with serving(options) as server:
        for header in (TEXT, binary(), b""):
            with greeted(server) as one:
                one.sendall(header + b"SUB own 1\r\nPUB own 2\r\nhi\r\n")
                assert tls.until(one, b"hi\r\n").endswith(b"MSG own 1 2\r\nhi\r\n")


def the_longest_header_is_skipped(options):
    with serving(options) as server:
        assert who_says(server, binary(rest=V4 + b"\4" * (65535 - len(V4)))) == "10.1.2.3"


def who_is_not_named_keeps_the_address(options):
    with serving(options) as server:
        for header in (b"", b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN a b c d\r\n", binary(0x20, 0, b""), binary(0x20, 0x11),
                       binary(0x21, 0x01, b"what")):
            assert who_says(server, header) == "127.0.0.1", header


def what_is_malformed_is_closed_without_a_word(options):
    with serving(options) as server:
        for header in (b"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", b"PROXY TCP4 ::1 ::1 1 2\r\n", b"PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n",
                       b"PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", b"PROXY \r\n", b"PROXY " + b"x" * 102,
                       SIGNATURE[:-1] + b"x" * 17, binary(0x11), binary(0x22), binary(family=0x12), binary(family=0x31),
                       binary(family=0x00, rest=b""), binary(rest=V4[1:]), binary(family=0x21)):
            assert is_closed(server, header), header
        assert server.wait_for_log("PROXY protocol header")
        assert who_says(server, TEXT) == "10.1.2.3"


def who_says_nothing_is_closed(options):
    with serving(options) as server:
        halves = [greeted(server) for _ in range(4)]
        begin = time.monotonic()
        for one, words in zip(halves, (b"", b"PROX", TEXT[:-2], binary(rest=V4 + b"x" * 9)[:-1])):
            one.sendall(words)
        for one in halves:
            assert tls.rest(one, 12) == (b"", True)
            one.close()
        assert time.monotonic() - begin > 4.5


def who_goes_away_early_leaves_nothing(options):
    with serving(options) as server:
        for header in (TEXT, binary()):
            for size in range(0, len(header), 3):
                with greeted(server) as one:
                    one.sendall(header[:size])
                    one.shutdown(socket.SHUT_WR)
                    assert tls.rest(one, 4) == (b"", True), size


def the_log_names_who_is_behind(options):
    if is_reference(options):
        raise Skip("nats-server logs the proxy's address")
    with serving(options) as server:
        with greeted(server) as one:
            one.sendall(TEXT + b"nonsense\r\n")
            tls.rest(one)
        assert server.wait_for_log("10.1.2.3:8080 - cid:")


# --- with TLS ---


def secured(server, header, first=False):
    one = tls.tcp(server)
    if not first:
        assert "client_ip" not in info_of(tls.line(one))
    one.sendall(header)
    one = WORLD.context().wrap_socket(one, server_hostname="localhost")
    if first:
        info = info_of(tls.line(one))
        assert info["client_ip"] == ("10.1.2.3" if header else "127.0.0.1"), info
    return one


def talks(one, who="10.1.2.3"):
    with one:
        one.sendall(b'CONNECT {"verbose":false,"protocol":1}\r\nPING\r\n')
        got = b""
        while not (b'"connect_info":true' in got and got.endswith(b"\r\n")):
            more = one.recv(65536)
            assert more, got
            got += more
        assert f'"client_ip":"{who}"'.encode() in got, got


def tls_follows_the_header(options):
    with serving(options, WORLD.config()) as server:
        for header in (TEXT, binary(rest=V4 + b"\4" * 5000)):
            talks(secured(server, header))
        talks(secured(server, b""), "127.0.0.1")


def tls_first_follows_the_header(options):
    with serving(options, WORLD.config("handshake_first: true")) as server:
        for header in (TEXT, binary()):
            talks(secured(server, header, first=True))
        talks(secured(server, b"", first=True), "127.0.0.1")


def tls_is_optional_behind_the_header(options):
    with serving(options, WORLD.config(outside="allow_non_tls: true")) as server:
        for header in (TEXT, binary()):
            talks(secured(server, header))
            assert who_says(server, header) == "10.1.2.3"
        assert who_says(server, b"") == "127.0.0.1"


def tls_first_or_not_behind_the_header(options):
    if is_reference(options):
        raise Skip("nats-server takes the header for the beginning of TLS")
    with serving(options, WORLD.config('handshake_first: "300ms"')) as server:
        talks(secured(server, TEXT, first=True))
        one = tls.tcp(server)
        one.sendall(TEXT)
        assert info_of(tls.line(one))["client_ip"] == "10.1.2.3"
        talks(WORLD.context().wrap_socket(one, server_hostname="localhost"))
        talks(secured(server, b"", first=True), "127.0.0.1")
        talks(secured(server, TEXT))  # INFO came first


PLAIN = [both_forms_say_who_is_there, a_header_comes_in_any_pieces, words_right_behind_the_header_are_heard,
         the_longest_header_is_skipped, who_is_not_named_keeps_the_address, what_is_malformed_is_closed_without_a_word,
         who_says_nothing_is_closed, who_goes_away_early_leaves_nothing, the_log_names_who_is_behind]
WITH_TLS = [tls_follows_the_header, tls_first_follows_the_header, tls_is_optional_behind_the_header,
            tls_first_or_not_behind_the_header]


if __name__ == "__main__":
    sys.exit(run_tests_with_certificates(PLAIN + WITH_TLS, parse(__doc__)))
