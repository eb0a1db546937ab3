"""Uses the libraries of a finished build as other projects do: by find_package, add_subdirectory and FetchContent.

    packages_test.py BUILD_FOLDER
"""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support" / "python"))

from server_process import ServerProcess  # noqa: E402

ENVIRONMENT = {"CMAKE_BUILD_PARALLEL_LEVEL": "2"} | os.environ
BUILD = None


def run(*command):
    """(exit status, all that it said)"""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=ENVIRONMENT, timeout=500, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def succeed(*command):
    status, said = run(*command)
    if status != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {status}:\n{said}")
    return said


def cache_of(folder):
    """What CMake keeps of a configured folder: name -> value."""
    lines = (folder / "CMakeCache.txt").read_text().splitlines()
    return dict(found.groups() for found in (re.match(r"([\w-]+):\w+=(.*)", line) for line in lines) if found)


def defined(cache, *names):
    return [f"-D{name}={cache[name]}" for name in names if cache.get(name)]


class PackagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cache = cache_of(BUILD)
        cls.cmake = cls.cache["CMAKE_COMMAND"]
        cls.work = BUILD / "packages"
        shutil.rmtree(cls.work, ignore_errors=True)
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        # Moved, since it must not matter where it was.
        succeed(cls.cmake, "--install", BUILD, "--prefix", cls.work / "first")
        cls.prefix = cls.work / "prefix"
        (cls.work / "first").rename(cls.prefix)

    def configure(self, source, folder, *definitions):
        compiler = defined(self.cache, "CMAKE_CXX_COMPILER", "CMAKE_CXX_COMPILER_LAUNCHER", "NUNCIO_MSGPACK_INCLUDE")
        return run(self.cmake, "-G", self.cache["CMAKE_GENERATOR"], "-S", source, "-B", folder, *compiler,
                   *definitions)

    def build(self, source, folder, target, *definitions):
        status, said = self.configure(source, folder, *definitions)
        self.assertEqual(status, 0, said)
        succeed(self.cmake, "--build", folder, "--target", target)

    @contextlib.contextmanager
    def folder_with_our_objects(self, name):
        """Where a build that includes our sources finds their objects in ccache: as deep as ours, with the same flags."""
        folder = BUILD.with_name(f"{BUILD.name}-{name}") if BUILD.parent == ROOT / "build" else self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        flags = defined(self.cache, "CMAKE_BUILD_TYPE", "CMAKE_CXX_FLAGS", "NUNCIO_WERROR", "NUNCIO_TLS")
        flags += (defined(self.cache, "CMAKE_CXX_FLAGS_RELEASE") if self.cache.get("CMAKE_CXX_COMPILER_LAUNCHER")
                  else ["-DCMAKE_CXX_FLAGS_RELEASE=-O0"])
        try:
            yield folder, flags
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def assert_leaves_alone(self, folder):
        """A project that includes ours gets nothing but libraries, and nothing of its own is changed."""
        cache = cache_of(folder)
        for name in ("PROGRAMS", "TESTS", "EXAMPLES", "BENCH", "INSTALL", "WERROR"):
            self.assertEqual(cache[f"NUNCIO_{name}"], "OFF", name)
        self.assertEqual(cache["CMAKE_CXX_FLAGS"], "")
        self.assertEqual([name for name in cache if name.startswith(("CMAKE_INSTALL_LIB", "sodium_"))], [])

    def test_installed(self):
        folder = self.work / "find_package"
        self.build(HERE / "find_package", folder, "all", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        with ServerProcess(self.prefix / "bin" / "nuncio-server") as server:
            self.assertEqual(succeed(folder / "orders", server.url), "orders.new: 3 lamps for Ada\n")
            self.assertEqual(succeed(folder / "prices", server.url), "3 lamps cost 42\n")
        self.assertEqual(succeed(folder / "embedded"), "orders.new: a chair for Bob\n")

    def test_what_is_installed(self):
        include = self.prefix / "include"
        installed = sorted(str(each.relative_to(include)) for each in include.rglob("*") if each.is_file())
        public = sorted(str(each.relative_to(ROOT / room / "include")) for room in ("protocol", "client", "server")
                        for each in (ROOT / room / "include").rglob("*.hpp"))
        self.assertEqual(installed, public)
        for each in self.prefix.rglob("*.cmake"):
            self.assertNotIn(str(ROOT), each.read_text(), each)
        self.assertIn("0.1.0", succeed(self.prefix / "bin" / "nuncio", "--version"))

    def look_for(self, prefix, components, *definitions, version="0.1", optional=""):
        """(exit status, what CMake said, in one line) of a project that looks for components."""
        source = self.work / "look"
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir()
        (source / "CMakeLists.txt").write_text(f"""\
cmake_minimum_required(VERSION 3.25)
project(look LANGUAGES CXX)
find_package(nuncio {version} REQUIRED COMPONENTS {components} OPTIONAL_COMPONENTS {optional})
message(STATUS "rpc is ${{nuncio_rpc_FOUND}}")
""")
        status, said = self.configure(source, source / "build", f"-DCMAKE_PREFIX_PATH={prefix}", *definitions)
        return status, " ".join(said.split())

    def test_the_parts_apart(self):
        prefix = self.work / "apart"
        for component in ("base", "client"):
            succeed(self.cmake, "--install", BUILD, "--prefix", prefix, "--component", component)
        self.assertFalse((prefix / "bin").exists())
        self.assertFalse((prefix / "include/nuncio/rpc").exists())
        for components in ("client", ""):
            status, said = self.look_for(prefix, components)
            self.assertEqual(status, 0, said)
        status, said = self.look_for(prefix, "rpc")
        self.assertNotEqual(status, 0, said)
        self.assertRegex(said, r"there is no component rpc in \S+ but: protocol, client ")

    def test_what_is_missing_is_said(self):
        nowhere = "-DNUNCIO_MSGPACK_INCLUDE=/nowhere"
        without = "-DCMAKE_DISABLE_FIND_PACKAGE_{}=ON".format
        status, said = self.look_for(self.prefix, "client server", nowhere, optional="rpc")
        self.assertEqual(status, 0, said)
        self.assertIn("rpc is FALSE", said)
        for expected, components, *definitions in (
                ("there is no component cluster", "client cluster"),
                ("msgpack-c's msgpack.hpp, for nuncio::rpc, is not found: NUNCIO_MSGPACK_INCLUDE", "rpc", nowhere),
                ("Boost 1.", "protocol", without("Boost")),
                ("fmt", "server", without("fmt")),
                ("the library of threads", "client", without("Threads")),
                ("libxcrypt, for nuncio::server", "server", "-DPKG_CONFIG_EXECUTABLE=/nowhere"),
                ("libsodium", "protocol", without("PkgConfig"))):
            with self.subTest(expected):
                status, said = self.look_for(self.prefix, components, *definitions)
                self.assertNotEqual(status, 0, said)
                self.assertIn("Missing:", said)
                self.assertIn(expected, said)
        status, said = self.look_for(self.prefix, "client", without("OpenSSL"))
        self.assertEqual("OpenSSL 3, for the TLS of nuncio::client" in said, self.cache["NUNCIO_TLS"] == "ON", said)
        # All of it at once, each once.
        _, said = self.look_for(self.prefix, "", nowhere, without("fmt"), without("Boost"))
        for expected in ("msgpack.hpp, for", "fmt_ROOT", "Boost 1."):
            self.assertEqual(said.count(expected), 1, said)

    def test_another_version(self):
        for version, is_fine in (("0.1", True), ("0.1.0", True), ("0.1.9", False), ("0.0", False), ("0.2", False),
                                 ("1", False)):
            status, said = self.look_for(self.prefix, "protocol", version=version)
            self.assertEqual(status == 0, is_fine, said)

    def test_subdirectory(self):
        where = f"-DNUNCIO_FOLDER={ROOT}"
        with self.folder_with_our_objects("subdirectory") as (folder, flags):
            status, said = self.configure(HERE / "subdirectory", folder, where)
            self.assertEqual(status, 0, said)
            self.assert_leaves_alone(folder)
            self.build(HERE / "subdirectory", folder, "all", *flags)
            with ServerProcess(self.prefix / "bin" / "nuncio-server") as server:
                self.assertEqual(succeed(folder / "greeting", server.url), "hello\n")

    def test_fetch_content(self):
        where = [f"-DFETCHCONTENT_SOURCE_DIR_NUNCIO={ROOT}", "-DFETCHCONTENT_FULLY_DISCONNECTED=ON"]
        with self.folder_with_our_objects("fetched") as (folder, flags):
            status, said = self.configure(HERE / "fetch_content", folder, *where)
            self.assertEqual(status, 0, said)
            self.assert_leaves_alone(folder)
            self.build(HERE / "fetch_content", folder, "broker", *flags)
            self.assertEqual(succeed(folder / "broker"), "port found\n")

    def test_the_page_quotes_what_is_built(self):
        page = (ROOT / "docs" / "client.md").read_text()
        quoted = re.findall(r"```cmake\n(.*?)```", page, re.DOTALL)
        built = [(HERE / way / "CMakeLists.txt").read_text() for way in ("find_package", "subdirectory", "fetch_content")]
        self.assertEqual(quoted, built)


if __name__ == "__main__":
    BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
