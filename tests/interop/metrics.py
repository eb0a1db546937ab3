#!/usr/bin/env python3
"""Metrics, as Prometheus reads them.

    metrics.py --server PATH [--peers DIR]
"""

import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

from real_clients import Skip, background, parse, peer, run_tests, wait_until
from watched import Client, Watched

CONFIG = """
server_name: "one"
http: 127.0.0.1:-1
accounts { A { users: [ {user: a, password: a} ] }, 'quoted " account' { users: [ {user: b, password: b} ] } }
"""
OPEN_METRICS = {"Accept": "application/openmetrics-text; version=1.0.0; q=0.9, text/plain; q=0.1"}


def served(options, test):
    with tempfile.TemporaryDirectory(prefix="metrics-") as name, Watched(options.server, pathlib.Path(name), CONFIG) as server:
        one = Client(server, "one", "a")
        one.say("SUB foo 1\r\nPUB foo 5\r\nhello\r\nPUB foo 100\r\n" + "x" * 100 + "\r\n")
        test(server)
        one.close()


def samples(text):
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name not in found, line
            found[name] = float(value)
    return found


def what_is_counted(options):
    def test(server):
        status, kind, body = server.ask("/metrics")
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8"), (status, kind)
        got = samples(body)
        assert got["nuncio_received_messages_total"] == 2 and got["nuncio_received_bytes_total"] == 105, got
        assert got["nuncio_sent_messages_total"] == 2 and got["nuncio_connections"] == 1 and got["nuncio_subscriptions"] == 1
        assert got['nuncio_message_size_bytes_bucket{le="64"}'] == 1 and got['nuncio_message_size_bytes_bucket{le="256"}'] == 2
        assert got["nuncio_message_size_bytes_count"] == 2 and got["nuncio_message_size_bytes_sum"] == 105
        assert got["nuncio_flush_size_bytes_count"] >= 2
        assert got['nuncio_account_received_bytes_total{account="A"}'] == 105
        assert got['nuncio_account_connections{account="quoted \\" account"}'] == 0
        assert got["process_resident_memory_bytes"] > 1e6 and got["process_open_fds"] > 5

    served(options, test)


def only_grow(options):
    """Counters and histograms, while clients come, send and go."""

    def test(server):
        before = {}
        for i in range(30):
            one = Client(server, f"c{i}", "ab"[i % 2])
            one.say(f"SUB foo.{i} 1\r\n" + f"PUB foo.{i} 5\r\nhello\r\n" * 20)
            one.close()
            body = server.ask("/metrics")[2]
            kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", body, re.M))
            for name, value in samples(body).items():
                plain = name.partition("{")[0]
                family = plain if plain in kinds else re.sub("_(bucket|count|sum)$", "", plain)
                if kinds[family] in ("counter", "histogram"):
                    assert value >= before.get(name, 0), (name, before[name], value)
                    before[name] = value
            assert set(before) <= set(samples(body)), "a counter is gone"
        assert before["nuncio_received_messages_total"] == 602, before
        assert before["nuncio_opened_connections_total"] == 31, before

    served(options, test)


def as_the_exporter(options):
    """The names that NATS' exporter for Prometheus makes of the same pages."""

    def test(server):
        got = samples(server.ask("/metrics")[2])
        identity = server.page("/varz")["server_id"]
        for page in ("varz", "subsz"):
            numbers = {key for key, value in server.page("/" + page).items() if isinstance(value, (int, float)) and not isinstance(value, bool)}
            numbers -= {"total", "offset", "limit"} if page == "subsz" else set()
            made = {re.fullmatch(f"gnatsd_{page}_(\\w+){{server_id=\"{identity}\"}}", name)[1]
                    for name in got if name.startswith(f"gnatsd_{page}_") and "value=" not in name}
            assert made == numbers, made ^ numbers
        assert got[f'gnatsd_varz_server_name{{server_id="{identity}",value="one"}}'] == 1
        assert got[f'gnatsd_accstatz_received_bytes{{server_id="{identity}",account="A",account_id="A",account_name="A"}}'] == 105
        assert got[f'gnatsd_healthz_status{{server_id="{identity}"}}'] == 0

    served(options, test)


def checked_by_promtool(options):
    promtool = peer_or_skip(options, "promtool")

    def test(server):
        done = subprocess.run([promtool, "check", "metrics"], input=server.ask("/metrics")[2].encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0 and not done.stdout, done.stdout.decode()

    served(options, test)


def open_metrics(options):
    def test(server):
        status, kind, body = server.ask("/metrics", headers=OPEN_METRICS)
        assert (status, kind) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"), (status, kind)
        assert body.endswith("# EOF\n") and body.count("# EOF") == 1
        # There a family is called without the end of its samples.
        assert "# TYPE nuncio_received_messages counter\nnuncio_received_messages_total 2\n" in body, body
        older = samples(server.ask("/metrics")[2])
        assert set(samples(body)) == set(older)

    served(options, test)


def peer_or_skip(options, name):
    try:
        return peer(options, name)
    except SystemExit:
        raise Skip(f"{name} is not there") from None


def scraped_by_prometheus(options):
    prometheus = peer_or_skip(options, "prometheus")

    def test(server):
        with tempfile.TemporaryDirectory(prefix="prometheus-") as folder, socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            probe.close()
            settings = pathlib.Path(folder) / "prometheus.yml"
            settings.write_text("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: nuncio\n  static_configs:\n"
                                f"  - targets: ['127.0.0.1:{server.port}']\n")

            def ask(what):
                question = urllib.parse.urlencode({"query": what})
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{question}", timeout=20) as answer:
                        return json.load(answer)["data"]["result"]
                except OSError:
                    return []

            with background([prometheus, f"--config.file={settings}", f"--storage.tsdb.path={folder}/data",
                             f"--web.listen-address=127.0.0.1:{port}"]):
                wait_until(lambda: [one["value"][1] for one in ask("up")] == ["1"], "a scrape that went well")
                assert [one["value"][1] for one in ask("nuncio_received_messages_total")] == ["2"]
                assert [one["value"][1] for one in ask("gnatsd_varz_in_msgs")] == ["2"]
                assert [one["value"][1] for one in ask("histogram_quantile(1, nuncio_message_size_bytes_bucket)")] == ["256"]

    served(options, test)


def main():
    options = parse(__doc__)
    return run_tests([what_is_counted, only_grow, as_the_exporter, open_metrics, checked_by_promtool, scraped_by_prometheus], options)


if __name__ == "__main__":
    sys.exit(main())
