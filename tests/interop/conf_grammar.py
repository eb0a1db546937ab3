#!/usr/bin/env python3
"""What nuncio and nats-server make of the same configuration texts: whether they take them, and the values and digest.

    conf_grammar.py --dump PATH [--peers DIR] [--seed N] [--count N] [--show]

Both programs get the same files: written by hand for each rule and oddity of the format, and put together at random from
pieces of it. A difference is a failure unless it is one of DIFFERENCES.
"""

import argparse
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

SKIPPED = 77

# Each: what nuncio does otherwise, on purpose; how the reference's error looks ("" if it takes the text), how ours does;
# and a pattern of the text. All must fit.
DIFFERENCES = [
    ("a number may stand right before the end of a list: `[1, 2]`", "array", "", r"\d\]"),
    ("a key without a value in a map is an error; the reference gives the map to the wrong key", "", "expected a value for", r"\}"),
    ("units that wrap around are an error", "", r"expected a number between", r"\d[kmgtpeKMGTPE]"),
    ("a number with a wrong unit (`5kbb`) is an error; the reference drops the key", "", "expected a number with a unit", r"\d[a-zA-Z]"),
    ("a quote that is the file's last byte is an error; the reference overlooks it, and what is open", "", "without its end", r"[\"']$"),
    ("a `}` that opens nothing ends no key and is none", "", r"found \"}\", expected a key", r"\}"),
    ("a slash before a key is an error everywhere; in maps the reference drops it", "", r"found ./", r"/"),
    ("lists and maps are at most 64 deep", "", "maps and lists in each other", r"[\[{]"),
    ("a byte of zero is an error; the reference takes it for the end of something", "", "a byte of zero", r"\x00"),
    ("a number right before a slash is an error; the reference takes the slash for a blank", "", "or quotes", r"\d/"),
    ("a block's `)` at the end of the file is not a part of its text", None, None, r"\n\)\Z"),
    ("a number right before a `]`, where the reference finds a later `]` for its list", ".?", ".?", r"\d\]"),
    ("a byte order mark at the beginning belongs to no key", None, None, r"\A\ufeff"),
    ("a text that begins as a hash by bcrypt is no reference; the reference knows one of the four beginnings", "variable reference", "", r"\$2[bxy]\$"),
    ("digits are those of ASCII", "(expected integer|Expected digit)", "", r"[^\x00-\x7f]"),
]

ENVIRONMENT = {
    "CONF_INT": "8192",
    "CONF_QUOTED": '"some text"',
    "CONF_WORD": "word",
    "CONF_TWO": "a b",
    "CONF_MAP": "{a: 1, b: [x, y]}",
    "CONF_EMPTY": "",
    "CONF_CYCLE": "$CONF_CYCLE",
    "CONF_CYCLE_A": "$CONF_CYCLE_B",
    "CONF_CYCLE_B": "[$CONF_CYCLE_A]",
    "CONF_CHAIN": "$CONF_INT",
    "CONF_LINES": "1\nother=2",
}

INCLUDED = {
    "plain.inc": "from_include: 1\nport: 7\n",
    "variables.inc": "defined: 5\nhere: $defined\n",
    "parent.inc": "x: $of_parent\n",
    "broken.inc": "a: b c\n",
    "empty.inc": "",
    "sub/outer.inc": "outer: yes\ninclude inner.inc\n",
    "sub/inner.inc": "inner: 'yes'\n",
    "a b.inc": "blank: in name\n",
    "9.inc": "digit: first\n",
}

BY_HAND = [
    # keys and separators
    "a=1", "a: 1", "a 1", "a\t1", "a :1", "a = 1", "a\n1", "a\n\n: 1", "a\n:\n1", "a:\n1", "a: : 1", "a :: 1", ": 1", "= 1", "a", "a ", "a:",
    "a: ", "a:\n", "a =", '"a b": 1', "'a b': 1", '"a\\"b": 1', "'a\nb': 1", '"": 1', "''=1", '"a"1', "'a'b", 'a"b": 1', "a#b: 1",
    "a//b: 1", "/a: 1", "//a: 1", "/ /a: 1", "a/b: 1", "{a: 1}", "{a: 1", "{a: 1\n", "{\"a\": 1, \"b\": [true, null]}", "{ }", "{}", "{", "}",
    "}\n", "}}", "{}}", "a: 1}", "a: 1 }", "a: 1\n}", "a: 1\n}\n\n", "a: 1\n} \n# c\n", "a: 1 } b: 2", "{a: 1} {b: 2}", "{ {a: 1} }",
    "{ {a: 1}, b: 2 }", "{ {a: 1} b: 2 }", "{ {a: 1}\n b: 2 }", "{ {a: 1} # c\n b: 2 }", "{ {a: 1}", "{ {a: 1} /}", "{a}", "{a: 1 }}", "{{{{}}}}",
    "[a]: 1", "(a): 1", ",: 1", ",a: 1", "a: 1,, b: 2", "a: 1;; b: 2", "a: 1,b: 2;c: 3", "a: 1, b: 2", "a: 1 b: 2", "a: 1\rb: 2", "a: 1\r\nb: 2\r\n",
    "\ufeffa: 1", "ключ: значение", "a\u00a0: 1", "a\u00a01", "\u2003a: 1", "a: 1\u2003", "a: 1\v", "\va: 1", "a: \v1", "a\f1", "a\u20281",
    "A: 1\na: 2", "a: 1\na: 2", "a: 1\na: {b: 2}", "a {x: 1}\na {y: 2}",
    # comments
    "", " \n\t\n", "# only", "// only", "#", "//", "/", "a: 1 # c", "a: 1# c", "a: 1 // c", "a: 1// c", "a: x# c", "a: x//c", "a: x // c", "a: 'x'# c", "a: 'x'//c",
    "a: 1 / c", "a: 1 /\n", "a: 1 / # c", "a: # c\n1", "a # c\n1", "a: // c", "#c\ra: 1", "a {# c\nb: 1 # d\n# e\n}", "a {// c\nb: 1 // d\n// e\n}", "a [# c\n1 # d\n# e\n]",
    "a [ // c\n1 // d\n// e\n]", "a: {b: 1 / c: 2}", "a: [x / y]", "a: [/x]", "a: [x, /y]", "a: [/ x]", "a: {b: /x}", "a: /x", "a: http://x:1/y#z", "a: { /b: 1 }", "a: { / b: 1 }",
    "a: {b: 1 // }\n}", "a: {b: x//c}",
    # maps
    "a {}", "a{}", "a {b 1}", "a:{b 1}", "a = {b: 1}", "a\n{b: 1}", "a:\n{b: 1}", "a{b: 1}", "a{ b: 1 }", "a{\nb: 1\n}", "a{\n}", "a{ b\n", "a { b: 1; c: 2, d: 3\ne: 4 }",
    "a {b {c {d 1}}}", "a {b {c 1} d 2}", "a {b {c 1}\nd 2}", "a {b: }", "a {b: }\nc: 1", "a {b: , c: 1}", "a {b: ; c: 1}", "a {b:\n1}", "a {b\n1}", "a {b\n:\n1}", "a {b", "a {b:", "a {b: 1",
    "a {b: 1\n", "a {", "a {\n", "a {]}", "a {b: 1]}", "a {b: [1 }", "a {: 1}", "a {=}", "a {,b: 1}", "a {b: 1,}", "a {b: 1,,c: 2}", "a {'b c': 1, \"d e\": 2}", "a {'b", "a {\"b", "a {\"b\"", "a {b: \"",
    "a {b: x}", "a {b:x}", "a {b: x }", "a {b: x,c: y}", "a {b: x c: y}", "a {b: \"x\" c: y}", "a {b: \"x\"c: y}", "a {b: 1} c: 2", "a {b: 1}, c: 2", "a {b: 1}; c: 2", "a {b: 1}}", "a {b: 1}\n}",
    "a {b\u20031}", "a {\u2003b 1}", "a {b 1\u2003}", "a { { b: 1 } }", "a {b c", "a {b c}", "a {b}",
    # lists
    "a: []", "a: [ ]", "a [x]", "a: [x, y]", "a: [x y]", "a: [x\ny]", "a: [x\n\n\ny\n]", "a: [x,\ny,\n]", "a: [x,]", "a: [,x]", "a: [x,,y]", "a: [\n,x]", "a: [x\n,y]", "a: [x;y]", "a: [;]", "a: [}", "a: [x}",
    "a: [1 ]", "a: [1]", "a: [1, 2]", "a: [1 , 2 ]", "a: [1\n2\n]", "a: [-1]", "a: [1.5]", "a: [1k]", "a: [1k ]", "a: [-1k]", "a: [true]", "a: [true, 1 , 'x', \"y\", z, 1.5, {b: 1}, [c]]", "a: [[x], [y]]",
    "a: [[[[]]]]", "a: [{b: 1}, {b: 2}]", "a: [{b: 1} {b: 2}]", "a: [{b: 1}\n{b: 2}]", "a: [{b: 1]", "a: [", "a: [x", "a: [x,", "a: ]", "a: x]", "a: 1]", "[", "a: [x] b: 1", "a: [x], b: 1", "a: ['x' 'y']",
    "a: [\"x\"\"y\"]", "a: [x\u2003y]", "a: [\u2003x]", "a: [(\nx\n)\n]", "a: [b: 1]", "a: [b = 1]", "a: [include x]", "a: [$b]", "b: 1\na: [$b]", "a: [1]\n]", "a: 1.5/ ", "a: \u0663", "a: -\u0663", "a: 1\u0663", "a: [\"", "a: ['x', '", "a: [\"x",
    # booleans
    *[f"a: {word}" for word in ("true", "TRUE", "True", "yes", "YES", "on", "oN", "false", "no", "No", "off", "OFF", "t", "truex", "true'", "'true'", '"true"', "tr\\x75e", "true;", "true,", "true}", "true]", "null")],
    # numbers
    *[f"a: {word}" for word in (
        "0", "-0", "007", "12", "-3", "+3", "- 3", "-", "--3", "-x", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "99999999999999999999999",
        "64k", "64K", "64kb", "64KB", "64kB", "64ki", "64kib", "64KiB", "64kbi", "64kbb", "64kii", "64bk", "64b", "64 kb", "1m", "1mb", "1mi", "1mib", "2g", "2gb", "2gi", "2gib", "3t", "3tb", "3ti", "3tib",
        "4p", "4pb", "4pi", "4pib", "5e", "5eb", "5ei", "5eib", "10e", "8eb", "-5k", "-5kb", "-8eib", "-9e", "5e7bcd", "8m4dwr", "0K1abc", "64kx", "64k'", "64k'x", "64k\\n", "64k\\q", "64k#", "64k/", "5k]", "1x", "1\\n", "1\\q", "1'",
        "1'2'", '1"2', "1#2", "1/2", "1//2", "1(", "1{", "1[", "1:2", "1=2", "1]", "1]2", "1é", "1_000", "1,000", "10s", "1h", "2m", "1h30m", "250ms", "-5]", "-5x", "-5'", "-5-", "-5.5", "-5.", "-.5", "-5.x", "-5.5.5", "-5kx", "-5k'",
        "1.5", "0.1", "1.0", "-0.0", "0.000001", "0.0000001", "0.00000012345", "123456789012345678901234567890.0", "1000000000000000000000.0", "100000000000000000000.5", "123456789.123456789", "0.30000000000000004", "1.", "1.x", "1.5x", "1.5k", "1.5e3", "1.5]",
        "1.5#", "1.5,", "1.5'", "1.5 ", ".5", ".", "./x", "1..5", "5.0" + "0" * 400, "9" * 400 + ".0", "0." + "0" * 400 + "1", "-0." + "0" * 400 + "1", "2.2250738585072011", "4.9", "179769313486231570" + "0" * 291 + ".0",
        "127.0.0.1", "1.2.3.4:4222", "1.2.3.4:-1", "1.2.3.", "1.2.3.4.5.6", "1.2.3.4x", "1.2.3.4/8", "1.2.3.4]", "0.0.0.0:4222", "10.0.0.1-10.0.0.2",
        "2024-01-31T10:00:00Z", "2024-01-31T10:00:00z", "2024-01-31", "2024-", "2024-13-01T10:00:00Z", "2024-00-01T10:00:00Z", "2024-01-00T10:00:00Z", "2024-01-32T10:00:00Z", "2024-02-29T10:00:00Z", "2023-02-29T10:00:00Z",
        "1900-02-29T10:00:00Z", "2000-02-29T10:00:00Z", "2024-04-31T10:00:00Z", "2024-01-31T24:00:00Z", "2024-01-31T23:60:00Z", "2024-01-31T23:59:60Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-01-31T10:00:00Zx",
        "2024-01-31T10:00:00Z,", "2024-01-31T10:00:00", "2024-01-31T10:00:00.5Z", "202-01-31T10:00:00Z", "20240-01-31", "1-2", "12-x", "1234-x", "12345-x")],
    # texts
    *[f"a: {word}" for word in (
        "x", "x y", '"x y"', "'x y'", '"x', "'x", '"', "'", '""', "''", '"x"y', "'x'y", '"x" y', '"x" # c', "x'", "x'y", "x' y", "x'y'", "x\"y", 'x"y z"', '"a\\nb\\tc\\rd\\"e\\\\f"', '"\\x41\\x7a"', '"\\x4"', '"\\xg1"', '"\\x"', '"\\q"',
        "\"\\'\"", '"\\u0041"', '"\\\n"', '"\\', "'a\\nb'", "a\\nb", "a\\x41", "a\\qb", "a\\", "a\\ b", "a\\;b", "\\x", "\\x00", "\\xff\\xfe", '"\\xff"', '"\\xc3\\xa9"', '"\\xed\\xa0\\x80"', '"\\xf4\\x90\\x80\\x80"', '"\\xe2\\x80\\xa8"', '"\\xf0\\x9f\\x98\\x80"',
        '"<a href=\'x\'>&</a>"', '"\\x00\\x01\\x08\\x0c\\x1f\\x7f"', "é", "日本", "'line\nline'", '"line\nline"', "\"line\nline\" x", "a;b", "a,b", "a]b", "a}b", "a{b", "a[b", "a(b", "a=b", "a:b", "*", ">", "foo.>", "foo.*", "@x", "~", "`x`", "!", "%", "&", "|", "?", "<x>",
        "a\tb", "a\u00a0b", "a\u2028b", "=1", ":1", "==", "include", "include x", ",", ";", "}", "{", "[", "(", ")", "()", "\\", "//", "#", "/")],
    # blocks
    "a: (\nx\n)\n", "a: (\nx\n)", "a (x\n)\n", "a: (\n)\n", "a: ()\n", "a: (x)\n", "a: (\nx\n )\n", "a: (\nx\n) \n", "a: (\nx\n)\nb: 1", "a: (\nx\n)b: 1", "a: (\r\nx\r\n)\r\n", "a: (\nx\n), b: 1", "a: (\n(\n)\n", "a: (\n(\n)\n)\n",
    "a: (\n\"'{[#//\\q\n)\n", "a: (", "a: (\n", "a: (\nx", "m {a: (\nx\n)\n}", "m {a: (\nx\n)}", "a: (\nx)\n)\n", "a: (\né)\n)\n", "a: (\n)x\n)\n", "a: (\n\n)\n\n",
    # variables
    "x: 1\na: $x", "a: $x\nx: 1", "x: 1\na: \"$x\"", "x: 1\na: '$x'", "x: 1\na: $x'", "x: 1\na: $x$x", "x: 1\na: b$x", "x: {y: 1}\na: $x", "x: [1 ]\na: [$x, $x]", "x: 1\nm {a: $x}", "x: 1\nm {x: 2, a: $x}", "m {x: 1}\na: $x", "m {x: 1, n {a: $x}}",
    "x: 1\nx: $x", "x: 1\na: $x\nx: 2", "x: 1\ny: $x\nz: $y", "x: $x", "m {a: $m}", "m: 1\nm {a: $m}", "a: $", "a: $ x", "'': 1\na: $", "a: $2a$11$abc", "a: $2b$11$abc", "a: $2a", "a: $2a$", "x: $2a$1\ny: $x", "x: 1\na: $x]", "x: 1\na: [$x]", "x: 1\na: $x}",
    "x: 1\na: $x;b: $x,c: $x", "x: 1\na: $X", "x.y: 1\na: $x.y", "x: 1\na: \\x24x", "x: 1\na: $\\x78", "l [ {x: 1, a: $x} ]", "l [ {x: 1}, {a: $x} ]", "x: 5kb\na: $x", "x: 2024-01-31T10:00:00Z\na: $x", "x: 1.5\na: $x", "{x: 1, a: $x}", "{x: 1\n{a: $x}\n}",
    *[f"a: ${name}" for name in ENVIRONMENT], "CONF_INT: 1\na: $CONF_INT", "m {a: $CONF_MAP}", "a: [$CONF_INT]", "a: $CONF_NOT_SET", "CONF_CYCLE: 1\na: $CONF_CYCLE",
    # includes
    "include plain.inc", "include 'plain.inc'", 'include "plain.inc"', "INCLUDE plain.inc", "iNcLuDe\tplain.inc", "include ./plain.inc", "include: plain.inc", "include = plain.inc", "include", "include ", "include\n", "include\nplain.inc",
    "include plain.inc\na: 1", "include plain.inc; a: 1", "include plain.inc, a: 1", "include 'plain.inc', a: 1", "include 'plain.inc' a: 1", "include plain.inc # c", "include plain.inc# c", "include plain.inc'", "include 'plain.inc", 'include "plain.inc',
    "include missing.inc", "include ''", "include 9.inc", "include '9.inc'", "include 'a b.inc'", "include a b.inc", "include -x", "include \\x", "include [x]", "include {x}", "include (x)", "include broken.inc", "include empty.inc", "include sub", "include .",
    "include sub/outer.inc", "include sub/../plain.inc", "include /plain.inc", "include //plain.inc", "port: 1\ninclude plain.inc", "include plain.inc\nport: 1", "m {include plain.inc}", "m {include plain.inc\n}", "m {include 'plain.inc'}", "m { include plain.inc ; a: 1 }",
    "m {include 'plain.inc', a: 1}", "{include plain.inc}", "{include plain.inc\n}", "include variables.inc\na: $defined", "of_parent: 1\ninclude parent.inc", "m {include variables.inc\n a: $defined}", "m {include variables.inc\n}\na: $defined", "'include' x",
    "m {'include' x}", "m {include: x}", "m {include}", "include plain.inc\nx: $from_include", "include plain.inc\ninclude plain.inc", "a include", "include plain.inc include variables.inc",
    # what a real one looks like
    'listen: 127.0.0.1:4222\nserver_name: "n1"\nmax_payload: 8MB\nauthorization {\n  user = a; password: $2a$11$abcdefg\n  timeout: 1.5\n}\ncluster: {\n  name: c\n  routes = [\n    nats-route://a:b@127.0.0.1:6222\n    nats://127.0.0.1:6223, # c\n  ]\n}\n'
    'accounts {\n  A: { users: [ {user: a, password: b, permissions: {publish: "x.>", subscribe: [y, "z.*"]}} ] }\n}\n',
]

PIECES = [
    "a", "b", "key", '"q k"', "'r k'", ":", "=", " ", " ", " ", "\n", "\n", "\n", "\r\n", "\t", ",", ";", "{", "{", "}", "}", "[", "[", "]", "]", "(", "\n)\n", "#", "//", "/", "# c\n", "1", "-1", "42k", "5kb", "1.5", "0.25", "1.2.3.4:80",
    "2024-01-31T10:00:00Z", "true", "off", "word", '"text"', "'raw'", '"e\\n\\x41"', "\\n", "\\q", "$a", "$b", "$CONF_INT", "$none", "$2a$x", "include plain.inc", "include 'variables.inc'", "include", "'", '"', "é", "\u00a0", ".", "-", "$",
]
VALUES = ["1", "-7", "3k", "5MiB", "1.25", "x", "foo.>", '"some text"', "'raw'", "true", "no", "$a", "$CONF_MAP", "127.0.0.1:4222", "(\nblock\n)\n", "2024-01-31T10:00:00Z", '"\\x41\\n"', "a\\tb", "1h"]


def some_value(rng, depth):
    kind = rng.random()
    if depth < 4 and kind < 0.2:
        return rng.choice(["{", "{ ", "{\n"]) + some_members(rng, depth + 1) + rng.choice(["}", " }", "\n}"])
    if depth < 4 and kind < 0.35:
        items = rng.choice([", ", ",", "\n", " ,\n"]).join(some_value(rng, depth + 1) + rng.choice(["", " "]) for _ in range(rng.randrange(4)))
        return "[" + items + rng.choice(["]", " ]", "\n]", ",\n]"])
    return rng.choice(VALUES)


def some_members(rng, depth=0):
    text = ""
    for _ in range(rng.randrange(5)):
        if rng.random() < 0.08:
            text += rng.choice(["include plain.inc", "include 'sub/outer.inc'", 'include "variables.inc"'])
        else:
            text += rng.choice(["a", "b", "c", '"d e"', "'f'", "port"]) + rng.choice([":", ": ", " = ", " ", "="]) + some_value(rng, depth)
        text += rng.choice(["\n", "\n", ", ", "; ", " # c\n", "\r\n", " // c\n"])
    return text


def broken(rng, text):
    """The text with a piece too many or too few."""
    for _ in range(rng.randrange(1, 3)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(["", rng.choice(PIECES)]) + text[at + rng.randrange(3):]
    return text


def some_texts(rng, count):
    for index in range(count):
        if index % 3 == 0:
            yield "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 14)))
        elif index % 3 == 1:
            yield some_members(rng)
        else:
            yield broken(rng, some_members(rng))


def answers(command, files, folder):
    environment = {**os.environ, **ENVIRONMENT}
    environment.pop("CONF_NOT_SET", None)
    done = subprocess.run([command], input="".join(f"{file}\n" for file in files), env=environment, cwd=folder, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        sys.exit(f"{command} ended with {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def excuse(text, theirs, ours):
    """The index of the accepted difference that explains it."""
    for index, (_, their_error, our_error, pattern) in enumerate(DIFFERENCES):
        if not re.search(pattern, text):
            continue
        if their_error is None:  # both take it
            if "error" not in theirs and "error" not in ours:
                return index
            continue
        expected = ((their_error, theirs.get("error", "")), (our_error, ours.get("error", "")))
        if all(re.search(error, said) if error else said == "" for error, said in expected):
            return index
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dump", required=True, help="interop_conf_dump")
    parser.add_argument("--peers", help="folder with conf_oracle (else NUNCIO_PEERS, else --default-peers)")
    parser.add_argument("--default-peers", default="build/peers", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=900, help="how many texts to make at random")
    parser.add_argument("--show", action="store_true", help="print every text that one of the two refuses, and why")
    options = parser.parse_args()
    oracle = pathlib.Path(options.peers or os.environ.get("NUNCIO_PEERS") or options.default_peers).resolve() / "conf_oracle"
    if not os.access(oracle, os.X_OK):
        print(f"SKIP {oracle} is not there: scripts/bootstrap --peers builds it")
        return SKIPPED

    texts = BY_HAND + list(some_texts(random.Random(options.seed), options.count))
    texts += ["a: " + "[" * depth + "]" * depth for depth in (10, 63, 64, 65, 500)] + ["a" + " {a" * depth + " 1" + "}" * depth for depth in (63, 64, 65)]
    texts += ["a: 1\0", "a: 'x\0y'", "a\0: 1"]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in INCLUDED.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode())
        files = [f"{index}.conf" for index in range(len(texts))]
        for file, text in zip(files, texts):
            pathlib.Path(folder, file).write_bytes(text.encode())
        theirs = answers(str(oracle), files, folder)
        ours = answers(os.path.abspath(options.dump), files, folder)
    assert len(theirs) == len(ours) == len(texts), (len(theirs), len(ours), len(texts))

    failures, accepted, excused = 0, 0, [0] * len(DIFFERENCES)
    for text, their, our in zip(texts, theirs, ours):
        if options.show and ("error" in their or "error" in our):
            print(f"{text!r}\n  reference: {their.get('error', 'takes it')}\n  nuncio:    {our.get('error', 'takes it')}")
        if "error" in their and "error" in our:
            continue
        if their.get("digest") == our.get("digest") and their.get("tree") == our.get("tree"):
            accepted += 1
            continue
        which = excuse(text, their, our)
        if which is not None:
            excused[which] += 1
            continue
        failures += 1
        for name, answer in (("reference", their), ("nuncio", our)):
            answer.pop("file")
            print(f"{name}: {json.dumps(answer)}")
        print(f"FAILED {text!r}\n")
    for (name, *_), count in zip(DIFFERENCES, excused):
        print(f"{count:5} differ: {name}")
    print(f"{len(texts)} texts: {accepted} taken alike, {len(texts) - accepted - sum(excused) - failures} refused by both, "
          f"{sum(excused)} known differences, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
