"""A server that is none: takes connections, and then resets them, says nothing, or talks nonsense.

  broken.py reset|hang|nonsense PORT
"""

import socket
import struct
import sys


def main(how: str, port: int) -> None:
    door = socket.create_server(("0.0.0.0", port), backlog=512)
    kept = []
    while True:
        link, _ = door.accept()
        if how == "reset":
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            link.close()
            continue
        if how == "nonsense":
            link.sendall(b"220 this is no database\r\n" * 40)
        kept.append(link)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
