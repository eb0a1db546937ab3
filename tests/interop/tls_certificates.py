#!/usr/bin/env python3
"""Certificates in TLS of a server: those of clients, whom they name, and how the server's own ones are chosen and renewed.

    tls_certificates.py --server PATH

All of it passes against nats-server, too, but for what says so.
"""

import os
import shutil
import ssl
import sys
import tempfile

from certificates import WORLD, run_tests_with_certificates
from real_clients import parse
from tls import log_in, refused, secured, serving, until, works


def clients_certificates(options):
    foreign = WORLD.stranger.sign("foreign", "/CN=derek")
    old = WORLD.ca.sign("old", "/CN=derek", days=-1)
    with serving(options, "verify: true") as server:
        works(server, pair=WORLD.client)
        refused(server)
        refused(server, pair=foreign)
        refused(server, pair=old)


def pinned_certificates(options):
    other = WORLD.ca.sign("other", "/CN=derek")
    with serving(options, f'verify: true, pinned_certs: ["{WORLD.ca.pin(WORLD.client).upper()}"]') as server:
        works(server, pair=WORLD.client)
        refused(server, pair=other)


def certificates_by_name(options):
    a = WORLD.ca.sign("a", "/CN=a", "DNS:a.test")
    b = WORLD.ca.sign("b", "/CN=b", "DNS:b.test,DNS:*.b.test", key=["-newkey", "rsa:2048", "-nodes"])
    files = f'certs: [ {{cert_file: "{a[0]}", key_file: "{a[1]}"}}, {{cert_file: "{b[0]}", key_file: "{b[1]}"}} ],'
    with serving(options, files=files) as server:
        for name, owner in (("a.test", "a"), ("b.test", "b"), ("x.b.test", "b"), ("nobody.test", "a"), (None, "a")):
            one = works(server, name=name)
            assert dict(pair[0] for pair in one.getpeercert()["subject"])["commonName"] == owner, (name, one.getpeercert())
        context = WORLD.context(version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
        one = works(server, context=context, name=None)
        assert dict(pair[0] for pair in one.getpeercert()["subject"])["commonName"] == "b"


def users_by_certificate(options):
    def who(users, pair=WORLD.client, more="", outside=""):
        accounts = "accounts {" + "\n".join(
            f'{account} {{ users: [ {{user: "{name}"}} ] }}' for account, name in users.items()) + "}\n"
        with serving(options, "verify_and_map: true", accounts + outside) as server:
            return log_in(secured(server, pair=pair)[0], more)

    bare = WORLD.ca.sign("bare", "/DC=test/DC=example/O=Org/CN=bare")
    no = "Authorization Violation"
    assert who({"A": "a@b.test", "B": "CN=derek,OU=unit,O=Org,C=US"}) == "A"
    assert who({"B": "spiffe://a/b", "C": "CN=derek,OU=unit,O=Org,C=US"}) == "B"
    assert who({"C": "CN=derek,OU=unit,O=Org,C=US"}) == "C"
    assert who({"C": "C=US,CN=derek,OU=unit,O=Org"}) == "C"
    assert who({"C": "cn=derek, ou=unit, o=Org, c=US"}) == "C"
    assert who({"C": "CN=derek,OU=unit,O=Org"}) == no
    assert who({"C": "CN=Derek,OU=unit,O=Org,C=US"}) == no
    assert who({"D": "CN=bare,O=Org,DC=example,DC=test"}, bare) == "D"
    assert who({"D": "CN=bare,O=Org"}, bare) == "D"
    assert who({"A": "a@b.test", "B": "b"}, more=',"user":"b"') == "A"
    assert who({"A": "a@b.test"}, bare) == no
    assert who({"A": "any"}, bare, outside="no_auth_user: any") == no
    # A password counts as ever.
    accounts = 'accounts { A { users: [ {user: "a@b.test", password: p} ] } }'
    with serving(options, "verify_and_map: true", accounts) as server:
        for more, expected in (("", no), (',"pass":"w"', no), (',"user":"x","pass":"p"', "A")):
            assert log_in(secured(server, pair=WORLD.client)[0], more) == expected


def certificates_are_read_anew(options):
    """By a reload: those connected stay, new ones see the new certificate, and one that can't be used changes nothing."""
    with tempfile.TemporaryDirectory() as folder:
        pair = [os.path.join(folder, name) for name in ("cert.pem", "key.pem")]

        def put(certificate, key):
            for source, target in ((certificate, pair[0]), (key, pair[1])):
                shutil.copyfile(source, target)

        def reload(server, expect):
            before = len(server.log.splitlines())
            server.signal("HUP")
            assert server.wait_for_log_after(expect, before) is not None, server.log

        def serial(server):
            return works(server).getpeercert()["serialNumber"]

        put(*WORLD.server)
        with serving(options, files=f'cert_file: "{pair[0]}", key_file: "{pair[1]}",') as server:
            old = works(server)
            first = serial(server)
            renewed = WORLD.ca.sign("renewed", "/CN=server", "IP:127.0.0.1,DNS:localhost")
            put(*renewed)
            assert serial(server) == first
            reload(server, "Reloaded server configuration")
            second = serial(server)
            assert second != first
            if "nuncio" in os.path.basename(options.server):
                said = "TLS: certificates have changed and were read anew"
                assert server.log.count(said) == 1, server.log
                reload(server, "Reloaded server configuration")
                assert server.log.count(said) == 1, server.log
            with open(renewed[0], "rb") as whole:
                half = whole.read()[:300]
            for spoil in (lambda: put(renewed[0], WORLD.client[1]), lambda: open(pair[0], "wb").write(half), lambda: os.unlink(pair[1])):
                spoil()
                reload(server, "Failed to reload server configuration")
                assert serial(server) == second
                put(*renewed)
            old.sendall(b"PING\r\n")
            assert until(old, b"PONG\r\n") == b"PONG\r\n"


def certificates_are_watched(options):
    """Without a signal: new ones are taken when all files have come, and those that can't be used aren't."""
    if "nuncio" not in os.path.basename(options.server):
        return
    with tempfile.TemporaryDirectory() as folder:
        pair = [os.path.join(folder, name) for name in ("cert.pem", "key.pem")]

        def put(which, source):
            shutil.copyfile(source, pair[which] + ".new")
            os.rename(pair[which] + ".new", pair[which])

        def serial(server):
            return works(server).getpeercert()["serialNumber"]

        for which in (0, 1):
            put(which, WORLD.server[which])
        with serving(options, files=f'cert_file: "{pair[0]}", key_file: "{pair[1]}",') as server:
            old, first = works(server), serial(server)
            soon = WORLD.ca.sign("soon", "/CN=server", "IP:127.0.0.1,DNS:localhost", days=12)
            before = len(server.log.splitlines())
            put(0, soon[0])
            assert server.wait_for_log_after("those of before are kept", before) is not None, server.log
            assert serial(server) == first
            before = len(server.log.splitlines())
            put(1, soon[1])
            assert server.wait_for_log_after("were read anew", before) is not None, server.log
            assert server.wait_for_log_after(f'certificate "{pair[0]}" expires on', before) is not None, server.log
            assert serial(server) != first
            for which in (1, 0):
                before = len(server.log.splitlines())
                os.unlink(pair[which])
                assert server.wait_for_log_after("No such file", before) is not None, server.log
                assert serial(server) != first
            old.sendall(b"PING\r\n")
            assert until(old, b"PONG\r\n").endswith(b"PONG\r\n")  # the server may have sent a PING


TESTS = [clients_certificates, pinned_certificates, certificates_by_name, users_by_certificate, certificates_are_read_anew,
         certificates_are_watched]


if __name__ == "__main__":
    sys.exit(run_tests_with_certificates(TESTS, parse(__doc__)))
