"""A bucket of a real S3 server, and `datashim mount` of it."""

import contextlib
import ctypes
import errno
import os
import pathlib
import random
import select
import signal
import subprocess
import time

import boto3
import botocore.config

from s3server import ACCESS_KEY, SECRET_KEY

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = os.environ.get("DATASHIM_BIN", str(ROOT / "build/dev/src/datashim"))
MIB = 1 << 20
# Metadata time to live of the mounts here.
TTL_SECONDS = 1
PATIENCE_SECONDS = 20


def enter_private_mounts():
    """Mounts made from here on are seen by this process and its children only."""
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newns, ms_rec, ms_private = 0x20000, 1 << 14, 1 << 18
    if libc.unshare(clone_newns) or libc.mount(b"none", b"/", None, ms_rec | ms_private, None):
        raise OSError(ctypes.get_errno(), "private mount namespace")


def eventually(condition, message="did not happen"):
    """Polls until the condition is true, and returns its value."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, message
        time.sleep(0.02)


def pseudo_random(size: int, seed: int = 1) -> bytes:
    """The same bytes for the same arguments; no two parts of them are equal."""
    return random.Random(seed).randbytes(size)


class Bucket:
    """A bucket, as another S3 client than the mount sees it."""

    def __init__(self, url: str, name: str):
        self.url, self.name = url, name
        self.client = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=botocore.config.Config(s3={"addressing_style": "path"},
                                          max_pool_connections=16))
        self.client.create_bucket(Bucket=name)

    def put(self, key: str, body: bytes = b""):
        self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def get(self, key: str) -> bytes | None:
        """The object's bytes; None if there is no such object."""
        try:
            return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None

    def delete(self, key: str):
        self.client.delete_object(Bucket=self.name, Key=key)

    def keys(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def uploads(self) -> list[str]:
        answer = self.client.list_multipart_uploads(Bucket=self.name)
        return [upload["Key"] for upload in answer.get("Uploads", [])]


def environment(**changes) -> dict[str, str]:
    """The environment without keys of whoever runs the tests, and with ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    clean |= {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    return clean | {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY} | changes


def command(url: str, source: str, directory: pathlib.Path, *options: str) -> list[str]:
    return [BINARY, "mount", source, str(directory), "--endpoint-url", url, *options]


class Mount:
    """A running `datashim mount`."""

    def __init__(self, url: str, source: str, directory: pathlib.Path, *options: str, env=None):
        self.path = directory
        self.process = subprocess.Popen(
            command(url, source, directory, *options), env=env or environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_SECONDS)
        line = self.process.stdout.readline() if ready else ""
        if line != f"mounted {directory}\n":
            self.process.kill()
            raise AssertionError(f"not mounted: {line!r} {self.process.communicate()[1]}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends the signal and waits for the end. @return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        try:
            self.process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode

    def is_mounted(self) -> bool:
        return is_mounted(self.path)


def mounted_below(path: pathlib.Path) -> list[str]:
    """Mount points at and below it, the last one made first."""
    points = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in reversed(points) if pathlib.Path(point).is_relative_to(path)]


def is_mounted(path: pathlib.Path) -> bool:
    return str(path) in mounted_below(path)


def reads_as(path: pathlib.Path, content: bytes) -> bool:
    """Whether the file has this content by now; not seen yet, or stale, is no."""
    try:
        return path.read_bytes() == content
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ESTALE):
            raise
        return False


@contextlib.contextmanager
def raises(number: int):
    """The block has to fail with this errno."""
    try:
        yield
    except OSError as error:
        assert error.errno == number, \
            f"failed with {os.strerror(error.errno)}, not with {os.strerror(number)}"
    else:
        raise AssertionError(f"did not fail with {os.strerror(number)}")
