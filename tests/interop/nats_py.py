#!/usr/bin/env python3
"""The Python client (nats-py) against a server.

    nats_py.py --server PATH [--peers DIR]

nats-py is taken from the folder of peers (DIR/venv) unless the running Python has it.
"""

import asyncio
import pathlib
import sys
import tempfile

from real_clients import ServerProcess, Skip, need_nats_py, parse, run_tests

OPTIONS = {"connect_timeout": 5, "max_reconnect_attempts": 200, "reconnect_time_wait": 0.05}


def with_server(test):
    """Gives an asynchronous test a server; fails if it takes longer than a minute."""

    def run(options):
        with ServerProcess(options.server) as server:
            asyncio.run(asyncio.wait_for(test(server), 60))

    run.__name__ = test.__name__
    return run


async def connect(server, **more):
    import nats

    return await nats.connect(server.url, **{**OPTIONS, **more})


async def settle(nc):
    """Waits until the server has seen everything. Twice, as this client's PING may overtake what it has still buffered."""
    await nc.flush()
    await nc.flush()


async def until(condition, what, timeout=10.0):
    deadline = asyncio.get_running_loop().time() + timeout
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.01)


@with_server
async def publish_and_subscribe(server):
    async with await connect(server) as one, await connect(server) as two:
        subscription = await two.subscribe("foo.*")
        await settle(two)
        for index in range(100):
            await one.publish(f"foo.{index}", f"message {index}".encode(), reply=f"re.{index}")
        await settle(one)
        for index in range(100):
            message = await subscription.next_msg(5)
            assert (message.subject, message.data, message.reply) == (f"foo.{index}", f"message {index}".encode(), f"re.{index}")


@with_server
async def wildcards(server):
    async with await connect(server) as nc:
        one, rest = await nc.subscribe("a.*.c"), await nc.subscribe("a.>")
        await nc.publish("a.b.c", b"1")
        await nc.publish("a.b.d", b"2")
        await settle(nc)
        assert (await one.next_msg(5)).data == b"1"
        assert [(await rest.next_msg(5)).data for _ in range(2)] == [b"1", b"2"]
        assert one.pending_msgs == 0


@with_server
async def callbacks(server):
    async with await connect(server) as nc:
        done = asyncio.get_running_loop().create_future()

        async def got(message):
            done.set_result(message.data)

        await nc.subscribe("foo", cb=got)
        await nc.publish("foo", b"hello")
        assert await asyncio.wait_for(done, 5) == b"hello"


@with_server
async def queue_groups(server):
    clients = [await connect(server) for _ in range(3)]
    subscriptions = [await nc.subscribe("work", queue="workers") for nc in clients]
    plain = await clients[0].subscribe("work")
    for nc in clients:
        await settle(nc)
    for index in range(150):
        await clients[1].publish("work", str(index).encode())
    await settle(clients[1])
    for _ in range(150):
        await plain.next_msg(5)
    await until(lambda: sum(s.pending_msgs for s in subscriptions) >= 150, "all messages")
    for nc in clients:
        await settle(nc)
    shares = [s.pending_msgs for s in subscriptions]
    assert sum(shares) == 150 and min(shares) > 10, shares
    for nc in clients:
        await nc.close()


@with_server
async def requests(server):
    async with await connect(server) as client, await connect(server) as service:

        async def answer(message):
            await message.respond(b"answer to " + message.data)

        await service.subscribe("svc", cb=answer)
        await settle(service)
        for index in range(50):
            message = await client.request("svc", f"{index}".encode(), timeout=5)
            assert message.data == f"answer to {index}".encode()
        answers = await asyncio.gather(*(client.request("svc", f"{i}".encode(), timeout=5) for i in range(100)))
        assert [a.data for a in answers] == [f"answer to {i}".encode() for i in range(100)]
        message = await client.request("svc", b"x", timeout=5, old_style=True)
        assert message.data == b"answer to x"


@with_server
async def no_responders(server):
    import nats.errors

    async with await connect(server) as nc:
        try:
            await nc.request("nobody", b"hello", timeout=5)
        except nats.errors.NoRespondersError:
            pass
        else:
            raise AssertionError("a request to nobody was answered")


@with_server
async def no_answer_in_time(server):
    import nats.errors

    async with await connect(server) as nc:
        await nc.subscribe("silent")
        try:
            await nc.request("silent", b"hello", timeout=0.2)
        except nats.errors.NoRespondersError as error:
            raise AssertionError("somebody listens") from error
        except nats.errors.TimeoutError:
            pass
        else:
            raise AssertionError("an answer from nowhere")


@with_server
async def headers(server):
    async with await connect(server) as nc:
        subscription = await nc.subscribe("foo")
        await nc.publish("foo", b"hello", headers={"Color": "blue", "Shape": "round and flat"})
        message = await subscription.next_msg(5)
        assert message.data == b"hello"
        assert message.headers == {"Color": "blue", "Shape": "round and flat"}, message.headers
        await nc.publish("foo", b"", headers={"Only": "header"})
        message = await subscription.next_msg(5)
        assert (message.data, message.headers) == (b"", {"Only": "header"})


@with_server
async def auto_unsubscribe(server):
    import nats.errors

    async with await connect(server) as nc:
        subscription = await nc.subscribe("foo")
        await subscription.unsubscribe(limit=5)
        for index in range(10):
            await nc.publish("foo", str(index).encode())
        await settle(nc)
        assert [(await subscription.next_msg(5)).data for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
        try:
            await subscription.next_msg(0.1)
        except (nats.errors.TimeoutError, nats.errors.BadSubscriptionError, nats.errors.ConnectionClosedError):
            pass
        else:
            raise AssertionError("a sixth message")


@with_server
async def unsubscribe(server):
    async with await connect(server) as nc:
        subscription = await nc.subscribe("foo")
        other = await nc.subscribe("foo")
        await subscription.unsubscribe()
        await nc.publish("foo", b"x")
        assert (await other.next_msg(5)).data == b"x"


@with_server
async def large_payload(server):
    async with await connect(server) as nc:
        assert nc.max_payload == 1024 * 1024, nc.max_payload
        subscription = await nc.subscribe("foo")
        payload = bytes(range(256)) * 4096
        await nc.publish("foo", payload)
        message = await subscription.next_msg(10)
        assert message.data == payload


@with_server
async def payload_too_large(server):
    import nats.errors

    async with await connect(server) as nc:
        try:
            await nc.publish("foo", b"x" * (nc.max_payload + 1))
        except nats.errors.MaxPayloadError:
            return
        raise AssertionError("was not refused")


@with_server
async def no_echo(server):
    async with await connect(server, no_echo=True) as nc, await connect(server) as other:
        own, others = await nc.subscribe("foo"), await other.subscribe("foo")
        await settle(nc)
        await settle(other)
        await nc.publish("foo", b"mine")
        assert (await others.next_msg(5)).data == b"mine"
        await settle(nc)
        assert own.pending_msgs == 0


@with_server
async def verbose_and_pedantic(server):
    async with await connect(server, verbose=True, pedantic=True) as nc:
        subscription = await nc.subscribe("foo")
        for index in range(20):
            await nc.publish("foo", str(index).encode())
        await settle(nc)
        for index in range(20):
            assert (await subscription.next_msg(5)).data == str(index).encode()


@with_server
async def drain(server):
    async with await connect(server) as publisher:
        nc = await connect(server)
        received = []

        async def slow(message):
            await asyncio.sleep(0.001)
            received.append(message.data)

        await nc.subscribe("foo", cb=slow)
        await settle(nc)
        for index in range(100):
            await publisher.publish("foo", str(index).encode())
        await settle(publisher)
        await settle(nc)
        await nc.drain()
        assert nc.is_closed
        assert received == [str(index).encode() for index in range(100)], len(received)


@with_server
async def errors_are_told(server):
    told = asyncio.get_running_loop().create_future()

    async def error(problem):
        if not told.done():
            told.set_result(str(problem))

    async with await connect(server, error_cb=error) as nc:
        await nc.publish("$NRG.x", b"")
        text = await asyncio.wait_for(told, 5)
        assert "permissions violation for publish to" in text.lower(), text


@with_server
async def round_trip(server):
    async with await connect(server) as nc:
        for _ in range(20):
            await nc.flush(5)
        assert nc.client_id is not None and nc.connected_server_version.major == 2


@with_server
async def many_connections(server):
    clients = [await connect(server) for _ in range(50)]
    subscriptions = [await nc.subscribe("news") for nc in clients]
    for nc in clients:
        await settle(nc)
    await clients[0].publish("news", b"hello")
    for subscription in subscriptions:
        assert (await subscription.next_msg(10)).data == b"hello"
    for nc in clients:
        await nc.close()


@with_server
async def reconnect(server):
    loop = asyncio.get_running_loop()
    disconnected, reconnected = loop.create_future(), loop.create_future()

    async def lost():
        if not disconnected.done():
            disconnected.set_result(True)

    async def back():
        if not reconnected.done():
            reconnected.set_result(True)

    nc = await connect(server, disconnected_cb=lost, reconnected_cb=back)
    subscription = await nc.subscribe("foo")
    await nc.publish("foo", b"before")
    assert (await subscription.next_msg(5)).data == b"before"
    await loop.run_in_executor(None, server.stop)
    await asyncio.wait_for(disconnected, 10)
    again = ServerProcess(server.path, host=server.host, port=server.port)
    try:
        await loop.run_in_executor(None, again.start)
        await asyncio.wait_for(reconnected, 20)
        await nc.publish("foo", b"after")
        assert (await subscription.next_msg(5)).data == b"after"
        await nc.close()
    finally:
        again.stop()


def back_after_a_reload(options):
    """A password becomes a hash of itself: whoever has shown it is there afterwards, at once or again."""
    hashed = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
    users = "authorization {{ users: [ {{user: a, password: '{}'}} ] }}\n"

    async def play(server, file):
        async with await connect(server, user="a", password="secret") as nc:
            subscription = await nc.subscribe("foo")
            await settle(nc)
            file.write_text(users.format(hashed))
            server.signal("HUP")
            assert await asyncio.to_thread(server.wait_for_log, "Reloaded server configuration"), server.log
            # What is published while the server closes the connection may be lost.
            for _ in range(100):
                await nc.publish("foo", b"hello")
                try:
                    assert (await subscription.next_msg(0.2)).data == b"hello"
                    break
                except nats_timeout():
                    continue
            else:
                raise AssertionError(f"it did not come back\n{server.log}")
            assert nc.is_connected

    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "server.conf"
        file.write_text(users.format("secret"))
        with ServerProcess(options.server, ["-c", str(file)]) as server:
            asyncio.run(asyncio.wait_for(play(server, file), 60))


def nats_timeout():
    import nats.errors

    return nats.errors.TimeoutError


@with_server
async def services(server):
    try:
        from nats import micro
    except ImportError as error:
        raise Skip("this nats-py has no services") from error
    async with await connect(server) as nc, await connect(server) as client:

        async def double(request):
            await request.respond(str(2 * int(request.data)).encode())

        service = await micro.add_service(nc, name="calc", version="1.0.0", description="test")
        await service.add_endpoint(name="double", subject="calc.double", handler=double)
        await settle(nc)
        assert (await client.request("calc.double", b"21", timeout=5)).data == b"42"
        for verb in ("PING", "INFO", "STATS"):
            assert b'"calc"' in (await client.request(f"$SRV.{verb}.calc", b"", timeout=5)).data
        await service.stop()


TESTS = [publish_and_subscribe, wildcards, callbacks, queue_groups, requests, no_responders, no_answer_in_time, headers,
         auto_unsubscribe, unsubscribe, large_payload, payload_too_large, no_echo, verbose_and_pedantic, drain, errors_are_told,
         round_trip, many_connections, reconnect, back_after_a_reload, services]


def main():
    options = parse(__doc__)
    need_nats_py(options)
    return run_tests(TESTS, options)


if __name__ == "__main__":
    sys.exit(main())
