"""Packets to and from a zygote, with descriptors."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence

from catnap.host.orders import PACKET


class Control:
    """Our end of a SOCK_SEQPACKET pair. Nothing here blocks: what the kernel
    does not take now is sent when it can.

    on_packet: called with each that comes. on_end: called once, when the other
    side is gone or `close` was called.
    """

    def __init__(
        self, sock: socket.socket, on_packet: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PACKET)
        self._sock = sock
        self._on_packet = on_packet
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[tuple[bytes, list[int]]] = deque()
        self._open = True
        self._loop.add_reader(sock, self._receive)

    def send(self, packet: bytes, descriptors: Sequence[int] = ()) -> None:
        """Sends a packet, or ends it all where nobody is there to take it."""
        if not self._open:
            return
        if self._unsent or not self._sent(packet, descriptors):
            if not self._unsent:
                self._loop.add_writer(self._sock, self._flush)
            # Copies: their owner closes his own.
            self._unsent.append((packet, [os.dup(each) for each in descriptors]))

    def _sent(self, packet: bytes, descriptors: Sequence[int]) -> bool:
        try:
            socket.send_fds(self._sock, [packet], list(descriptors))
        except BlockingIOError:
            return False
        except OSError:
            self.close()
        return True

    def _flush(self) -> None:
        while self._unsent and self._sent(*self._unsent[0]):
            if not self._open:
                return
            self._drop()
        if not self._unsent:
            self._loop.remove_writer(self._sock)

    def _drop(self) -> None:
        _, copies = self._unsent.popleft()
        for each in copies:
            os.close(each)

    def _receive(self) -> None:
        while self._open:
            try:
                packet = self._sock.recv(PACKET)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if packet:
                self._on_packet(packet)
            else:
                self.close()

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()
        while self._unsent:
            self._drop()
        self._on_end()
