"""Brings the status page of a lab node to a person's browser: 127.0.0.1:PORT to 127.0.0.1:7801
inside the node's namespace. Only loopback addresses on both sides.

The page is reached as a stranger on the node would reach it, not through the control socket, where
the relay would be root and lend its rights to whoever opens the port.
Run as: python3 -m lab.relay FOLDER PORT=NAMESPACE ...
It ends by itself when the lab's folder is gone.
"""

import asyncio
import os
import socket
import sys

from .namespaces import inside
from .places import HTTP_PORT

async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def carry(namespace: str, reader, writer) -> None:
    try:
        with inside(namespace):
            inner = socket.socket()
        inner.setblocking(False)
        await asyncio.wait_for(
            asyncio.get_running_loop().sock_connect(inner, ("127.0.0.1", HTTP_PORT)), 2)
        far_reader, far_writer = await asyncio.open_connection(sock=inner)
    except (OSError, asyncio.TimeoutError) as error:
        text = f"the agent of {namespace} does not answer: {error}\n".encode()
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Type: text/plain"
                     b"\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
        writer.close()
        return
    try:
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
    finally:
        far_writer.close()
        writer.close()


async def main(folder: str, wanted: list) -> None:
    servers = []
    for item in wanted:
        port, namespace = item.split("=")
        servers.append(await asyncio.start_server(
            lambda r, w, name=namespace: carry(name, r, w), "127.0.0.1", int(port)))
    while os.path.exists(folder):
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
