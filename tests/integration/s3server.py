"""A real S3 server on loopback. $DATASHIM_TEST_S3 chooses it: minio (the default) or versitygw."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from programs import Process, free_ports, program

ACCESS_KEY, SECRET_KEY = "posix-test-access", "posix-test-secret"


def _minio(folder: pathlib.Path, port: int, console_port: int) -> tuple[Process, str]:
    process = Process(
        folder, program("minio"), "server", "--quiet", "--address", f"127.0.0.1:{port}",
        "--console-address", f"127.0.0.1:{console_port}", str(folder / "data"),
        environment={"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY})
    return process, "/minio/health/ready"


def _versitygw(folder: pathlib.Path, port: int, _console_port: int) -> tuple[Process, str]:
    (folder / "data").mkdir()
    process = Process(
        folder, program("versitygw"), "--port", f"127.0.0.1:{port}", "--health", "/health", "--quiet",
        "posix", str(folder / "data"),
        environment={"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY})
    return process, "/health"


SERVERS = {"minio": _minio, "versitygw": _versitygw}
KIND = os.environ.get("DATASHIM_TEST_S3", "minio")


@contextlib.contextmanager
def running(folder: pathlib.Path) -> Iterator[str]:
    """The URL of a server without buckets, with its files in `folder`; ends with the block."""
    folder.mkdir(exist_ok=True)
    port, console_port = free_ports(2)
    process, health = SERVERS[KIND](folder, port, console_port)
    try:
        url = f"http://127.0.0.1:{port}"
        process.wait_for(url + health)
        yield url
    finally:
        process.stop()
