#!/usr/bin/env python3
"""Runs c_client (the NATS C client) on a server, and restarts the server when it asks for that.

    c_client.py --server PATH --client PATH
"""

import sys

from real_clients import ServerProcess, background, parse, skip


def main():
    options = parse(__doc__, ("--client", {"default": "", "help": "the built c_client; empty if libnats was not found"}))
    if not options.client:
        skip("c_client was not built: libnats is not there")
    with ServerProcess(options.server) as server, background([options.client, server.url]) as client:
        client.wait_for("\nrestart\n", timeout=90)
        server.stop()
        with ServerProcess(server.path, host=server.host, port=server.port):
            code, output = client.finish(60)
    print(output.rstrip().replace("restart\n", ""))
    return code


if __name__ == "__main__":
    sys.exit(main())
