"""What this pod reaches, of some addresses by name, and whether it resolves names. One JSON object in, a list out."""

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor


def taken(address: list[str]) -> bool:
    host, port = address
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        return False
    return True


def resolved() -> bool:
    try:
        return bool(socket.gethostbyname("kubernetes.default"))
    except OSError:
        return False


addresses = json.loads(sys.argv[1])
with ThreadPoolExecutor() as pool:
    found = list(pool.map(taken, addresses.values()))
print(json.dumps([name for name, was in zip(addresses, found, strict=True) if was] + ["names"] * resolved()))
