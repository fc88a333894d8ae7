"""A connection's other end without sockets: what was written is kept, what happens is told by the test."""

import asyncio
from collections.abc import Iterable


class Transport(asyncio.Transport):
    """``protocol`` is told of the end of the connection in the loop's next turn, as by a real one."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.protocol = protocol
        self.sent = b""
        self.unsent = 0
        self.is_paused = self.is_closed = False
        protocol.connection_made(self)

    def write(self, data: bytes) -> None:
        self.sent += data

    def writelines(self, lines: Iterable[bytes]) -> None:
        self.write(b"".join(lines))

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def abort(self) -> None:
        self.lose(None)

    def arrive(self, data: bytes) -> None:
        """As a loop would: nothing comes once it is closed."""
        if not self.is_closed:
            self.protocol.data_received(data)

    def lose(self, error: Exception | None) -> None:
        if not self.is_closed:
            self.is_closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, error)
