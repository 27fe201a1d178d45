"""Web clients that keep their connections: each asks, rests, asks again, until its input ends.

  web_load.py ADDRESS PORT SESSIONS REST_MS
      prints one JSON line: requests, errors, reopened, longest_ms, by

A connection that the other side has closed while it rested is opened again, and the request
repeated once, as HTTP clients do: that is no error. An error is a request without an answer.
"""

import asyncio
import json
import sys
import time
from collections import Counter

BOUND_S = 5
TALLY = Counter()
BY = Counter()


async def ask(reader, writer) -> str:
    writer.write(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
    await writer.drain()
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), BOUND_S)
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return (await asyncio.wait_for(reader.readexactly(length), BOUND_S)).decode()


async def client(address: str, port: int, rest_s: float, over: asyncio.Event) -> float:
    link = None
    longest = 0.0
    while not over.is_set():
        for attempt in range(2):
            began = time.monotonic()
            try:
                if link is None:
                    link = await asyncio.wait_for(asyncio.open_connection(address, port), BOUND_S)
                BY[await ask(*link)] += 1
                longest = max(longest, time.monotonic() - began)
                TALLY["requests"] += 1
                break
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                if link is not None:
                    link[1].close()
                fresh, link = link is None, None
                expected = attempt == 0 and not fresh
                TALLY["reopened" if expected else "errors"] += 1
                if not expected:
                    print(f"lost after {time.monotonic() - began:.3f} s, try {attempt}: {error!r}",
                          file=sys.stderr, flush=True)
                if fresh:
                    break
        await asyncio.sleep(rest_s)
    if link is not None:
        link[1].close()
    return longest


async def main(address: str, port: int, sessions: int, rest_s: float) -> None:
    over = asyncio.Event()
    clients = [asyncio.create_task(client(address, port, rest_s, over)) for _ in range(sessions)]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    over.set()
    longest = max(await asyncio.gather(*clients))
    print(json.dumps({**{key: TALLY[key] for key in ("requests", "errors", "reopened")},
                      "longest_ms": round(1000 * longest), "by": dict(BY)}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) / 1000))
