"""A storm of connections, all at once, from clients that then say nothing.

  storm.py ADDRESS PORT COUNT    opens them, prints {"opened": N, "turned_away": N} once no more of
                                 them end, and keeps the rest until its input ends
"""

import errno
import json
import resource
import select
import socket
import sys
import time

QUIET_S = 1.0


def open_all(address: str, port: int, count: int) -> dict:
    links = {}
    for _ in range(count):
        link = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if link.connect_ex((address, port)) in (0, errno.EINPROGRESS):
            links[link.fileno()] = link
    return links


def watch(links: dict) -> int:
    """How many were turned away, once that has been all for a while."""
    poll = select.epoll()
    for number in links:
        poll.register(number, select.EPOLLIN | select.EPOLLRDHUP)
    gone, last = 0, time.monotonic()
    while time.monotonic() < last + QUIET_S:
        for number, what in poll.poll(0.1):
            if what & (select.EPOLLHUP | select.EPOLLRDHUP | select.EPOLLERR):
                poll.unregister(number)
                links.pop(number).close()
                gone, last = gone + 1, time.monotonic()
            else:
                links[number].recv(4096)
    return gone


def main(address: str, port: int, count: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    links = open_all(address, port, count)
    opened = len(links)
    print(json.dumps({"opened": opened, "turned_away": watch(links)}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
