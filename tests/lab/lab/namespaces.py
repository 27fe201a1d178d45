"""Sockets inside a node's namespace, made by a process that stays outside.

A socket belongs to the namespace in which it was made, so only its making has to happen there.
"""

import ctypes
import os
import socket
import struct
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
ETHERTYPE_ARP = 0x0806
_libc = ctypes.CDLL(None, use_errno=True)


def enter(handle: int) -> None:
    if _libc.setns(handle, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def inside(namespace: str):
    """This thread is in the namespace until the end of the block."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        with open(f"/run/netns/{namespace}", encoding="ascii") as place:
            enter(place.fileno())
        try:
            yield
        finally:
            enter(home)
    finally:
        os.close(home)


def announce(namespace: str, address: str, interface: str = "eth0") -> None:
    """Gratuitous ARP in request form: whoever knows the address learns its new MAC."""
    with inside(namespace), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, ETHERTYPE_ARP))
        own = wire.getsockname()[4]
        four = socket.inet_aton(address)
        wire.send(b"\xff" * 6 + own + struct.pack("!HHHBBH", ETHERTYPE_ARP, 1, 0x0800, 6, 4, 1)
                  + own + four + b"\x00" * 6 + four)
