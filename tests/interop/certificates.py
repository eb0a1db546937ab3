"""Certificates for the tests that need some: two authorities, and what the first one has signed."""

import hashlib
import os
import ssl
import subprocess
import tempfile

from real_clients import run_tests

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Authority:
    """Signs certificates, in a folder of its own."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.run("req", "-x509", *CURVE, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}", "-days", "2")

    def run(self, *words):
        done = subprocess.run(["openssl", *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, f"openssl {' '.join(words)}:\n{done.stdout.decode()}"
        return done.stdout

    def path(self, file):
        return os.path.join(self.folder, file)

    @property
    def file(self):
        return self.path(f"{self.name}.pem")

    def sign(self, name, subject, alternatives=None, days=2, key=None):
        more = ["-addext", f"subjectAltName={alternatives}"] if alternatives else []
        self.run("req", "-new", *(key or CURVE), "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject, *more)
        self.run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key", "-CAcreateserial",
                 "-copy_extensions", "copy", "-days", str(days), "-out", f"{name}.pem")
        return self.path(f"{name}.pem"), self.path(f"{name}.key")

    def pin(self, pair):
        key = self.run("x509", "-in", pair[0], "-pubkey", "-noout")
        done = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key, stdout=subprocess.PIPE, check=True)
        return hashlib.sha256(done.stdout).hexdigest()


class World:
    """What all tests of a program share. It is made before the first one."""

    def make(self, folder):
        self.ca = Authority(folder, "ca")
        self.stranger = Authority(folder, "stranger")
        self.server = self.ca.sign("server", "/CN=server", "IP:127.0.0.1,DNS:localhost")
        self.client = self.ca.sign("client", "/C=US/O=Org/OU=unit/CN=derek", "email:a@b.test,URI:spiffe://a/b")

    def files(self):
        return f'cert_file: "{self.server[0]}", key_file: "{self.server[1]}"'

    def config(self, inside="", outside="", files=None):
        files = files or self.files() + ","
        return f'{outside}\ntls {{ {files} ca_file: "{self.ca.file}", {inside} }}\n'

    def context(self, pair=None, version=None):
        context = ssl.create_default_context(cafile=self.ca.file)
        context.check_hostname = False
        if pair:
            context.load_cert_chain(*pair)
        if version:
            context.minimum_version = context.maximum_version = version
        return context


WORLD = World()


def run_tests_with_certificates(tests, options):
    with tempfile.TemporaryDirectory() as folder:
        WORLD.make(folder)
        return run_tests(tests, options)
