"""A small web backend: says its name and counts, over connections that stay open.

  web.py NAME PORT   GET /healthz: 200, or 503 after POST /sick; GET anything else: NAME
"""

import asyncio
import sys

STATE = {"sick": False}


async def serve(reader, writer, name: str) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            method, path = head.split(b" ", 2)[:2]
            if method == b"POST":
                STATE["sick"] = path == b"/sick"
            sick = path == b"/healthz" and STATE["sick"]
            body = name.encode()
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" %
                         (b"503 Sick" if sick else b"200 OK", len(body), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(name: str, port: int) -> None:
    server = await asyncio.start_server(lambda r, w: serve(r, w, name), "0.0.0.0", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
