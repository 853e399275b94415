"""A TCP proxy that does to connections what networks and load balancers do: delay, trickle, cut, half-open, and an age at which every
connection ends. It runs on a thread of its own; what it is told holds for what comes after."""

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass

CHUNK = 64 * 1024
START_S = 10


@dataclass(frozen=True)
class Faults:
    """What goes wrong. Times in seconds; None and 0 are off."""

    delay: float = 0  # every piece arrives so much later, in either direction, in order
    trickle: int = 0  # at most so many bytes a second towards the client
    cut_after: int | None = None  # towards the client; then both ends see a reset
    half_open: bool = False  # nothing passes any more and nobody is told; new connections are accepted and left alone
    age: float | None = None  # of a connection, from its acceptance: then it ends, however lively
    refuse: bool = False  # accepts and resets at once


class Tasks:
    """Tasks that end together: when the first of those that `ends_all` has ended."""

    def __init__(self):
        self.all, self.decisive = [], []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        for task in self.all:
            task.cancel()
        await asyncio.gather(*self.all, return_exceptions=True)

    def start(self, work, ends_all: bool = False):
        self.all.append(asyncio.ensure_future(work))
        if ends_all:
            self.decisive.append(self.all[-1])

    async def wait(self):
        await asyncio.wait(self.decisive, return_when=asyncio.FIRST_COMPLETED)


class Link:
    """One connection from a client, and the one to the server that stands for it."""

    def __init__(self, proxy: "FaultProxy", reader, writer):
        self.proxy = proxy
        self.client = (reader, writer)
        self.server = None
        self.passed = 0  # bytes towards the client
        self.task = asyncio.current_task()

    async def run(self):
        if self.proxy.faults.refuse:
            return
        while self.proxy.faults.half_open:
            await self.proxy.changed.wait()
        self.server = await asyncio.open_connection(*self.proxy.target)
        for _, writer in (self.client, self.server):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ways = (self.client[0], self.server[1], False), (self.server[0], self.client[1], True)
        async with asyncio.timeout(self.proxy.faults.age), Tasks() as tasks:
            for reader, writer, to_client in ways:
                pieces = asyncio.Queue(maxsize=1024)
                tasks.start(self.receive(reader, pieces))
                tasks.start(self.send(pieces, writer, to_client), ends_all=True)
            await tasks.wait()

    async def receive(self, reader, pieces):
        """Reads on whatever becomes of what was read: a delay holds up what comes, not how much of it."""
        loop = asyncio.get_running_loop()
        data = b"first"
        while data:
            data = await reader.read(CHUNK)
            await pieces.put((loop.time() + self.proxy.faults.delay, data))

    async def send(self, pieces, writer, to_client: bool):
        loop = asyncio.get_running_loop()
        passing = True
        while passing:
            due, data = await pieces.get()
            await asyncio.sleep(max(0, due - loop.time()))
            while self.proxy.faults.half_open:
                await self.proxy.changed.wait()
            passing = bool(data) and await self.write(data, writer, to_client)

    async def write(self, data: bytes, writer, to_client: bool) -> bool:
        """False when the connection is to be cut."""
        faults = self.proxy.faults
        if to_client and faults.cut_after is not None:
            data = data[: max(0, faults.cut_after - self.passed)]
        self.passed += len(data) if to_client else 0
        pace = faults.trickle if to_client else 0
        size = max(1, pace // 20) if pace else CHUNK
        for begin in range(0, len(data), size):
            writer.write(data[begin : begin + size])
            await writer.drain()
            if pace:
                await asyncio.sleep(size / pace)
        return not (to_client and faults.cut_after is not None and self.passed >= faults.cut_after)

    def reset(self):
        """An end without a goodbye, also of TCP's."""
        for _, writer in filter(None, (self.client, self.server)):
            connection = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):  # it has ended by itself
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class FaultProxy:
    """Listens on loopback for one server. `links` counts the connections there have been."""

    def __init__(self, target: str, faults: Faults = Faults()):
        host, _, port = target.rpartition(":")
        self.target = (host, int(port))
        self.faults = faults
        self.links = 0
        self._open: set[Link] = set()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(START_S), "the proxy does not start"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def open(self) -> int:
        return len(self._open)

    def set(self, **faults) -> None:
        """What holds from now on, in place of what did."""
        self._call(self._set, Faults(**faults))

    def cut_all(self) -> None:
        self._call(lambda: [link.task.cancel() for link in self._open])

    def close(self) -> None:
        self._call(self._server.close)
        asyncio.run_coroutine_threadsafe(self._end_links(), self._loop).result(START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._loop.close()

    async def _end_links(self):
        tasks = [link.task for link in self._open]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _set(self, faults: Faults):
        self.faults = faults
        self.changed.set()
        self.changed = asyncio.Event()

    def _call(self, function, *arguments):
        done = threading.Event()

        def call():
            function(*arguments)
            done.set()

        self._loop.call_soon_threadsafe(call)
        assert done.wait(START_S), "the proxy does not answer"

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self.changed = asyncio.Event()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.address = "{}:{}".format(*self._server.sockets[0].getsockname())
        self._started.set()
        self._loop.run_forever()

    async def _accept(self, reader, writer):
        link = Link(self, reader, writer)
        self.links += 1
        self._open.add(link)
        try:
            await link.run()
        except (OSError, asyncio.CancelledError):  # TimeoutError, the age, is an OSError
            pass
        finally:
            self._open.discard(link)
            link.reset()
