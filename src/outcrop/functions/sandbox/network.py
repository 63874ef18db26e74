"""A network of a function's own: a loopback address, and on it only what the server answers."""

import fcntl
import socket
import struct

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_BACKLOG = 128


def raise_loopback() -> None:
    """Switch the loopback interface of this network namespace on.

    Raises:
        OSError: this process may not configure its network.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request)
        flags = struct.unpack("16sh14x", answer)[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def listen(ports: tuple[int, ...]) -> list[socket.socket]:
    """Return listening sockets on this network's loopback address.

    A socket belongs to the network in which it was made, whichever process accepts on it: handed to the server, they
    are doors into this network that need no relay inside of it.
    """
    sockets = []
    for port in ports:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(_BACKLOG)
        sockets.append(listening)
    return sockets
