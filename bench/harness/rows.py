"""The rows of the benchmark: how nuncio-bench is called for each, and what is aimed at."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import transports

RATE = "messages_per_second"
CPU = "server_cpu_ns_per_message"
RSS = "rss_peak_bytes"

# How a figure is written: name with unit, divisor.
FIGURES = {
    RATE: ("messages/s", 1),
    CPU: ("CPU ns per message", 1),
    RSS: ("RSS peak, MiB", 1 << 20),
    "p50_us": ("p50, us", 1),
    "p99_us": ("p99, us", 1),
    "p999_us": ("p99.9, us", 1),
    "least_over_most_loaded": ("least over most loaded member", 1),
    "sub_unsub_pairs_per_second": ("SUB + UNSUB per second", 1),
    "inserts_per_second": ("inserts/s", 1),
    "server_cpu_ns_per_insert": ("CPU ns per insert", 1),
    "removals_per_second": ("removals/s", 1),
    "server_cpu_ns_per_removal": ("CPU ns per removal", 1),
    "rss_bytes_per_subscription": ("bytes per subscription", 1),
    "rss_bytes_per_connection": ("bytes per connection", 1),
    "first_ping_cpu_us_per_connection": ("CPU us per first PING", 1),
    "idle_cpu_ms_per_second": ("CPU ms per s, idle", 1),
    "rate_kept": ("rate kept by the others", 1),
    "rate_kept_in_worst_second": ("rate kept in the worst second", 1),
    "longest_gap_ms": ("longest gap, ms", 1),
    "cut_off_after_s": ("cut off after, s", 1),
    "start_ms": ("exec to PONG, ms", 1),
    "start_cpu_ms": ("CPU, ms", 1),
    "rss_bytes": ("RSS, MiB", 1 << 20),
    "pss_bytes": ("PSS, MiB", 1 << 20),
    "server_cpu_ns_per_kib": ("CPU ns per KiB", 1),
    "guesses_per_second": ("guesses/s", 1),
    "judged_per_second": ("guesses judged/s", 1),
    "pages_asked": ("pages asked for", 1),
    "slowest_page_ms": ("slowest page, ms", 1),
    "resumed_share": ("share resumed", 1),
    "check_ms": ("-t, ms", 1),
    "check_cpu_ms": ("CPU of -t, ms", 1),
}


@dataclass(frozen=True)
class Target:
    """A bound on one figure.

    against: "peer" bounds ours / peer's; "floor" ours / the relay's; "own" our figure itself;
    anything else is a row's name and bounds ours here / ours there.
    """

    figure: str
    at_least: float | None = None
    at_most: float | None = None
    against: str = "peer"

    def text(self) -> str:
        bound = f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"
        return {"peer": bound, "own": f"ours {bound}", "floor": f"{bound} of the floor"}.get(
            self.against, f"{bound} of {self.against}")

    def is_met(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        return value <= self.at_most


@dataclass(frozen=True)
class Row:
    name: str
    case: str
    args: tuple[str, ...] = ()
    figures: tuple[str, ...] = (RATE, CPU, RSS)
    targets: tuple[Target, ...] = ()
    floor_size: int | None = None  # the relay is fed with messages of this size beside it
    seconds: float = 3             # about what it takes, when --seconds says nothing
    group: str = ""                # what --cases calls it besides its name
    # "shards" and "users": ours against itself; "configured": both servers by a configuration; "relay"; "natsbench";
    # "access": no generator
    kind: str = "peer"
    alternative: tuple[str, ...] = field(default=())  # server arguments of the second server
    configuration: str = ""        # by name; kind "users": of ours alone, else of both
    transport: str = ""            # as nuncio-bench calls it; "": plain
    watched: str = ""              # beside 10,000 idle connections, "asked" for pages or "left" alone

    def is_called(self, word: str) -> bool:
        return word in (self.name, self.case, self.group)

    def is_websocket(self) -> bool:
        return self.transport in (transports.WEBSOCKET, transports.DEFLATED)


def rate_and_cpu(rate: float | None, cpu: float | None) -> tuple[Target, ...]:
    out = []
    if rate is not None:
        out.append(Target(RATE, at_least=rate))
    if cpu is not None:
        out.append(Target(CPU, at_most=cpu))
    return tuple(out)


def floor(bound: float) -> Target:
    return Target(CPU, at_most=bound, against="floor")


def _size(size: int) -> tuple[str, ...]:
    return ("--size", str(size))


def _one2one(label: str, size: int, *targets: Target) -> Row:
    return Row(f"one2one-{label}", "one2one", _size(size), targets=targets, floor_size=size)


def _rpc(case: str, c: int, n: int, *targets: Target) -> Row:
    return Row(f"{case}-{c}x{n}", case, ("--requesters", str(c), "--outstanding", str(n)),
               figures=(RATE, CPU, "p50_us", "p99_us", "p999_us", RSS), targets=targets)


def _onesubj(p: int, s: int, *targets: Target) -> Row:
    return Row(f"onesubj-{p}x{s}", "onesubj",
               ("--publishers", str(p), "--subscribers", str(s), *_size(128)), targets=targets)


def _fanout(n: int, size: int, *targets: Target) -> Row:
    return Row(f"fanout-{n}x{size}", "fanout", ("--subscribers", str(n), *_size(size)),
               targets=targets)


def _lat(rate: int) -> Row:
    return Row(f"lat-{rate}", "lat", ("--rate", str(rate)),
               figures=("p50_us", "p99_us", "p999_us", CPU), seconds=10,
               targets=(Target("p50_us", at_most=0.5), Target("p99_us", at_most=1)))


def _subs(label: str, count: int, *targets: Target) -> Row:
    return Row(f"subs-{label}", "subs", ("--count", str(count)),
               figures=("inserts_per_second", "server_cpu_ns_per_insert",
                        "rss_bytes_per_subscription", RATE, CPU, "removals_per_second",
                        "server_cpu_ns_per_removal", RSS),
               targets=targets)


_PAIRS = ("--publishers", "10")
_QUEUE = ("--publishers", "10", "--subscribers", "10")
_SLOW = ("--subscribers", "10", *_size(1024))

_SIZES = (("16", 16), ("128", 128), ("1k", 1024), ("16k", 16384), ("1m", 1 << 20))


def _shards(like: Row) -> Row:
    return Row(f"shards-{like.name}", like.case, like.args, figures=like.figures, group="shards",
               kind="shards", alternative=("--shards", "1"))


def _users(like: Row) -> Row:
    return Row(f"users-{like.name}", like.case, like.args, figures=like.figures[:2], group="users",
               kind="users", configuration="permissions",
               targets=(Target(like.figures[0], at_least=0.95),))


def _over(transport: str, group: str, like: Row, *targets: Target, args: tuple[str, ...] = (), name: str = "",
          figures: tuple[str, ...] = ()) -> Row:
    return Row(f"{transport}-{name or like.name}", like.case, (*like.args, *args), figures=figures or like.figures, seconds=like.seconds,
               targets=targets, group=group, kind="configured", configuration=transport, transport=transport)


def _tls(like: Row, *targets: Target, **other) -> Row:
    return _over(transports.TLS, "tls", like, *targets, **other)


def _guessed(name: str, guesses: int, *targets: Target) -> Row:
    figures = ("p50_us", "p99_us", "p999_us", *(("guesses_per_second", "judged_per_second") if guesses else ()))
    return Row(name, "lat", ("--rate", "2000", "--guesses", str(guesses)), figures=figures, seconds=10, targets=targets,
               group="users", kind="configured", configuration="passwords")


def _watched(like: Row, asked: bool, *targets: Target) -> Row:
    return Row(f"{'watched' if asked else 'unwatched'}-{like.name}", like.case, like.args, seconds=like.seconds, targets=targets,
               figures=(*like.figures, *(("pages_asked", "slowest_page_ms") if asked else ())),
               group="watched", kind="configured", configuration="watched", watched="asked" if asked else "left")


_LAT_2K = _lat(2000)
_FANOUT_10 = _fanout(10, 16, *rate_and_cpu(6, 0.1))
_ONE2ONE_16 = _one2one("16", 16, *rate_and_cpu(8, 0.08), floor(3))
_PAIRS_ROW = Row("pairs", "pairs", _PAIRS, targets=rate_and_cpu(5, 0.12))
_RPC_1 = _rpc("rpc", 1, 1, Target(CPU, at_most=0.2), Target("p50_us", at_most=0.4),
              Target("p99_us", at_most=0.5))
_RPC_10 = _rpc("rpc", 10, 10, *rate_and_cpu(2.5, 0.3))

_PUB0 = Row("pub0", "pub0", targets=rate_and_cpu(5, 0.15))
_QUEUE_ROW = Row("queue", "queue", _QUEUE, figures=(RATE, CPU, "least_over_most_loaded", RSS),
                 targets=rate_and_cpu(5, 0.12))
_MANYSUBJ = Row("manysubj", "manysubj", targets=rate_and_cpu(10, 0.05))
_CHURN = Row("churn", "churn", figures=(RATE, CPU, "sub_unsub_pairs_per_second", RSS),
             targets=rate_and_cpu(5, 0.15))
_RPCSUBS_10 = _rpc("rpcsubs", 10, 10, *rate_and_cpu(4, 0.12), Target("p50_us", at_most=0.35))
_SUBS_300K = _subs("300k", 300_000, *rate_and_cpu(10, 0.05))
_CONNECT = Row("connect", "connect", figures=(RATE, CPU, "p50_us", "p99_us", RSS),
               targets=rate_and_cpu(2.5, 0.3))
# Fewer than otherwise, since each takes a handshake.
_FEWER = ("--count", "2000")
_IDLE = Row("idle", "idle", seconds=10,
            figures=("rss_bytes_per_connection", "first_ping_cpu_us_per_connection",
                     "idle_cpu_ms_per_second", RATE, CPU, RSS),
            targets=(Target("rss_bytes_per_connection", at_most=1024, against="own"),
                     Target("idle_cpu_ms_per_second", at_most=3, against="own")))
_UNDISTURBED = _guessed("guesses-0", 0)

ROWS: tuple[Row, ...] = (
    _PUB0,
    _ONE2ONE_16,
    _one2one("128", 128),
    _one2one("1k", 1024, floor(1.25)),
    _one2one("16k", 16384, floor(1.15)),
    _one2one("1m", 1 << 20, floor(1.15)),
    _FANOUT_10,
    _fanout(1, 128),
    _fanout(100, 128, Target(CPU, at_most=0.2)),
    _onesubj(1, 1),
    _onesubj(1, 4),
    _onesubj(4, 4, *rate_and_cpu(4, 0.15)),
    _PAIRS_ROW,
    _QUEUE_ROW,
    _MANYSUBJ,
    Row("headers", "headers", _size(128), targets=rate_and_cpu(6, 0.12)),
    _CHURN,
    Row("mixed", "mixed", seconds=8,
        targets=(Target(RATE, at_least=0.95, against=_ONE2ONE_16.name),)),
    _RPC_1,
    _RPC_10,
    _rpc("rpcsubs", 1, 1),
    _RPCSUBS_10,
    _LAT_2K,
    _lat(10000),
    _subs("1m", 1_000_000, Target("rss_bytes_per_subscription", at_most=110, against="own"),
          Target("inserts_per_second", at_least=5), Target("removals_per_second", at_least=5)),
    _SUBS_300K,
    _IDLE,
    Row("slow", "slow", _SLOW, seconds=15,
        figures=("rate_kept", "rate_kept_in_worst_second", "longest_gap_ms",
                 "cut_off_after_s", RATE, CPU, RSS),
        targets=(Target("rate_kept", at_least=0.9, against="own"),)),
    _CONNECT,
    Row("start", "start", seconds=1,
        figures=("start_ms", "start_cpu_ms", "rss_bytes", "pss_bytes"),
        targets=(Target("start_ms", at_most=0.5), Target("rss_bytes", at_most=0.4))),
    _shards(_ONE2ONE_16),
    _shards(_PAIRS_ROW),
    _shards(_FANOUT_10),
    _shards(_RPC_1),
    _shards(_RPC_10),
    *(_users(like) for like in (_PUB0, _ONE2ONE_16, _FANOUT_10, _PAIRS_ROW, _QUEUE_ROW, _MANYSUBJ, _CHURN,
                                _RPC_1, _RPC_10, _RPCSUBS_10, _SUBS_300K, _CONNECT)),
    Row("accounts", "accounts", figures=("rss_bytes", "rss_bytes_per_connection"), group="users", kind="access",
        configuration="accounts", targets=(Target("rss_bytes", at_most=0.3),)),
    Row("check-10k-users", "check", figures=("check_ms", "check_cpu_ms"), group="users", kind="access",
        configuration="many_users", targets=(Target("check_ms", at_most=0.5),)),
    _UNDISTURBED,
    _guessed("guesses-1000", 1000, Target("p99_us", at_most=1.5, against=_UNDISTURBED.name)),
    _watched(_ONE2ONE_16, False),
    _watched(_ONE2ONE_16, True, Target(RATE, at_least=0.97, against=f"unwatched-{_ONE2ONE_16.name}")),
    _watched(_LAT_2K, False),
    _watched(_LAT_2K, True, Target("p99_us", at_most=1.2, against=f"unwatched-{_LAT_2K.name}")),
    _tls(_one2one("128", 128), *rate_and_cpu(3, 0.4)),
    _tls(_one2one("1k", 1024), *rate_and_cpu(3, 0.4)),
    _tls(_PAIRS_ROW, *rate_and_cpu(3, 0.4)),
    _tls(_CONNECT, Target(RATE, at_least=1.2), Target("p99_us", at_most=1)),
    _tls(_CONNECT, Target(RATE, at_least=2), Target("p99_us", at_most=1), args=("--resume", "yes"), name="connect-resumed"),
    _tls(_IDLE, Target("rss_bytes_per_connection", at_most=0.4),
         Target("rss_bytes_per_connection", at_most=20 * 1024, against="own"), args=_FEWER),
    _over(transports.WEBSOCKET, "ws", _one2one("128", 128), Target(RATE, at_least=4)),
    _over(transports.DEFLATED, "ws", _one2one("128", 128), Target(RATE, at_least=1.5)),
    _over(transports.WEBSOCKET, "ws", _IDLE, Target("rss_bytes_per_connection", at_most=3 * 1024, against="own"), args=_FEWER),
    *(Row(f"relay-{label}", "relay", _size(size), figures=(RATE, CPU, "server_cpu_ns_per_kib"),
          kind="relay") for label, size in _SIZES),
    Row("natsbench-pub0", "natsbench", ("pub",), figures=(RATE, CPU), kind="natsbench"),
    Row("natsbench-one2one", "natsbench", ("pubsub",), figures=(RATE, CPU), kind="natsbench"),
)

# In some rows a message is something else.
EVENTS = {
    "rpc": "requests",
    "rpcsubs": "requests",
    "connect": "connections",
    "idle": "connections opened",
}


def figure_name(row: Row, figure: str) -> str:
    name = FIGURES[figure][0]
    event = EVENTS.get(row.case)
    if event is None:
        return name
    single = "request" if event == "requests" else "connection"
    return name.replace("messages", event).replace("message", single)


def choose(words: list[str]) -> list[Row]:
    """The rows that are called so, in the order of the table; without words all but the relay."""
    if not words:
        return [r for r in ROWS if r.kind != "relay"]
    unknown = [w for w in words if not any(r.is_called(w) for r in ROWS)]
    if unknown:
        raise ValueError(f"no such case: {', '.join(unknown)} (--list shows them)")
    chosen = {r.name for r in ROWS if any(r.is_called(w) and
                                          (r.kind not in ("shards", "users", "configured") or w in (r.name, r.group))
                                          for w in words)}
    # A target that compares with another row needs that row.
    names = {r.name for r in ROWS}
    for row in ROWS:
        if row.name in chosen:
            chosen |= {t.against for t in row.targets} & names
    return [r for r in ROWS if r.name in chosen]
