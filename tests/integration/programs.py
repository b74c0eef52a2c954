"""Programs of the development cluster and of ours as child processes of a test."""

import os
import pathlib
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 20


def program(name: str) -> str:
    """The path of a program of the development cluster, built if it is missing."""
    return subprocess.run([ROOT / "tools/devcluster/devcluster", "bin", name], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


def free_ports(count: int) -> list[int]:
    """Ports that nobody had a moment ago. All are held until the last is found."""
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


UNVERIFIED = _unverified()  # Only to ask whether it is up.


class Process:
    """A program with its output in a file; stops in bounded time."""

    def __init__(self, folder: pathlib.Path, *command: str, name: str = "",
                 environment: dict[str, str] | None = None):
        """`name` is that of the log: the program's without one. `environment` is added to ours."""
        self.log = folder / f"{name or pathlib.Path(command[0]).name}.log"
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder,
                                          stdin=subprocess.DEVNULL, env=os.environ | (environment or {}))

    def wait_for(self, url: str) -> None:
        """Until the URL answers 200, or with an assertion that shows the end of the log."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5, context=UNVERIFIED):
                    return
            except (OSError, urllib.error.URLError) as error:
                dead = self.popen.poll() is not None
                if dead or time.monotonic() > deadline:
                    end = self.log.read_text(errors="replace")[-3000:]
                    raise AssertionError(f"{self.log.stem} does not answer at {url}: {error}\n{end}") from None
            time.sleep(0.1)

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(STOP_SECONDS_MAX)
