"""Orders something from polyglot_orders, by nats-py alone: caller.py ITEM COUNT [SERVER]"""

import asyncio
import json
import sys

import nats


async def main(item, count, server="nats://127.0.0.1:4222"):
    async with await nats.connect(server) as nc:
        order = json.dumps({"item": item, "count": int(count)}).encode()
        reply = await nc.request("orders.place", order, timeout=5, headers={"Content-Type": "application/json"})
        headers = reply.headers or {}
        if "Nats-Service-Error" in headers:
            return f"{headers['Nats-Service-Error-Code']}: {headers['Nats-Service-Error']}"
        print(json.loads(reply.data)["cents"])


sys.exit(asyncio.run(main(*sys.argv[1:])))
