"""Runs on a node's network: a port of the machine that runs the tests is also one of the node's localhost.

Nodes take a registry at localhost without TLS, and no other.
"""

import asyncio
import socket
import struct
import sys
from pathlib import Path

port = int(sys.argv[1])
routes = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
gateway = next(route[2] for route in routes if route[1] == "00000000")
machine = socket.inet_ntoa(struct.pack("<L", int(gateway, 16)))


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while content := await source.read(1 << 16):
        target.write(content)
        await target.drain()
    target.close()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    there, back = await asyncio.open_connection(machine, port)
    await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)


async def main() -> None:
    server = await asyncio.start_server(forward, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
