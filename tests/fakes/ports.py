"""Loopback ports that are only said to be open; ``taken`` ones belong to somebody else."""


class FakePorts:
    def __init__(self, *taken: int) -> None:
        self.taken = set(taken)
        self.open_now: set[int] = set()

    async def open(self, port: int) -> bool:
        if port in self.taken:
            return False
        self.open_now.add(port)
        return True

    async def close(self, port: int) -> None:
        self.open_now.discard(port)
