#!/usr/bin/env python3
"""A proxy between a client and an S3 server, as a process of its own.

    with Proxy("http://127.0.0.1:9000", latency_ms=20, mb_per_s=250) as far: …far.url…
    with Proxy("http://127.0.0.1:9000", fault="reset", every=3) as bad: …

Without a fault it is a long and narrow wire: connections and bytes come late,
and all connections share the bandwidth towards the client. With one, it spoils
each GET of a range (every=1) or every n-th.
"""

import argparse
import asyncio
import contextlib
import itertools
import socket
import struct
import subprocess
import sys
import urllib.parse

CHUNK = 256 << 10
# What may be sent at once after a pause: wakes up seldom enough to carry 150 MB/s.
BURST_SECONDS = 0.02
FAULTS = ("500", "503", "reset", "truncated", "short-length", "other-range", "stalled")


class Bandwidth:
    """Bytes of all connections take their turn."""

    def __init__(self, mb_per_s: float):
        self._seconds_per_byte = 1e-6 / mb_per_s if mb_per_s else 0
        self._free_at = 0.0

    async def take(self, count: int) -> None:
        if not self._seconds_per_byte:
            return
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now - BURST_SECONDS) + count * self._seconds_per_byte
        await asyncio.sleep(max(0.0, self._free_at - now))


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float, bandwidth: Bandwidth):
    """Carries bytes from one end to the other; they arrive `seconds` later."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue = asyncio.Queue(256)

    async def deliver():
        while True:
            at, data = await under_way.get()
            await asyncio.sleep(at - loop.time())
            if not data:
                return
            await bandwidth.take(len(data))
            sink.write(data)
            await sink.drain()

    delivery = asyncio.create_task(deliver())
    with contextlib.suppress(OSError):
        data = b"first"
        while data and not delivery.done():
            data = await source.read(CHUNK)
            await under_way.put((loop.time() + seconds, data))
    with contextlib.suppress(OSError):
        await delivery
    sink.close()


class Wire:
    def __init__(self, server: tuple[str, int], latency_ms: float, mb_per_s: float):
        self._server = server
        self._one_way = latency_ms / 2000
        self._down = Bandwidth(mb_per_s)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * self._one_way)  # the handshake
        try:
            from_server, to_server = await asyncio.open_connection(*self._server)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, to_server, self._one_way, Bandwidth(0)),
                             carry(from_server, writer, self._one_way, self._down))


class Spoiler:
    """One request for each connection, so that an answer ends where the server closes."""

    def __init__(self, server: tuple[str, int], fault: str, every: int):
        self._server, self._fault, self._every = server, fault, every
        self._gets = itertools.count(1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            is_get = head.startswith(b"GET ") and b"\r\nrange:" in head.lower()
            spoil = is_get and next(self._gets) % self._every == 0
            from_server, to_server = await asyncio.open_connection(*self._server)
            to_server.write(head[:-2] + b"Connection: close\r\n\r\n")
            asyncio.ensure_future(self._rest(reader, to_server))
            answer = await from_server.readuntil(b"\r\n\r\n")
            body = await from_server.read(-1)
            to_server.close()
            if spoil:
                await self._spoil(writer, answer, body)
            else:
                writer.write(answer + body)
                await writer.drain()
        writer.close()

    @staticmethod
    async def _rest(reader, to_server) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                to_server.write(data)

    async def _spoil(self, writer: asyncio.StreamWriter, answer: bytes, body: bytes) -> None:
        half = body[:len(body) // 2]
        if self._fault in ("500", "503"):
            code = "InternalError" if self._fault == "500" else "SlowDown"
            text = f"<Error><Code>{code}</Code><Message>of the test</Message></Error>".encode()
            writer.write(f"HTTP/1.1 {self._fault} Fault\r\nContent-Type: application/xml\r\nConnection: close\r\n"
                         f"Content-Length: {len(text)}\r\n\r\n".encode() + text)
        elif self._fault == "short-length":  # says less, and sends what it says
            writer.write(self._with(answer, b"content-length", str(len(half)).encode()) + half)
        elif self._fault == "other-range":  # the right number of bytes from another place
            value = f"bytes 1-{len(body)}/{len(body) + 1}".encode()
            writer.write(self._with(answer, b"content-range", value) + body[::-1])
        else:
            writer.write(answer + half)
        await writer.drain()
        if self._fault == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self._fault == "stalled":
            await asyncio.sleep(3600)

    @staticmethod
    def _with(answer: bytes, field: bytes, value: bytes) -> bytes:
        lines = [field + b": " + value if line.lower().startswith(field + b":") else line
                 for line in answer.split(b"\r\n")]
        return b"\r\n".join(lines)


class Proxy:
    """Starts it; `url` is where clients go."""

    def __init__(self, server_url: str, **options):
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        self._process = subprocess.Popen([sys.executable, __file__, server_url, *arguments], stdout=subprocess.PIPE,
                                         text=True)
        self.url = self._process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", help="URL")
    parser.add_argument("--latency-ms", type=float, default=0, help="of a round trip")
    parser.add_argument("--mb-per-s", type=float, default=0, help="towards the client; 0: no limit")
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args()
    place = urllib.parse.urlsplit(args.server)
    server = (place.hostname, place.port)
    peer = Spoiler(server, args.fault, args.every) if args.fault else Wire(server, args.latency_ms, args.mb_per_s)
    listener = await asyncio.start_server(peer.serve, "127.0.0.1", 0, limit=1 << 20)
    print(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
