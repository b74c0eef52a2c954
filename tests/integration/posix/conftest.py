"""Mounts of buckets of one MinIO. Needs root and /dev/fuse."""

import itertools
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import mounts  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def private_mounts():
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("mounting needs root and /dev/fuse")
    mounts.enter_private_mounts()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def minio(tmp_path_factory):
    """The URL of a MinIO without buckets."""
    program = subprocess.run([mounts.ROOT / "tools/devcluster/devcluster", "bin", "minio"],
                             check=True, capture_output=True, text=True).stdout.strip()
    directory = tmp_path_factory.mktemp("minio")
    url = f"http://127.0.0.1:{free_port()}"
    log = open(directory / "log", "w+")
    process = subprocess.Popen(
        [program, "server", "--quiet", "--address", url.removeprefix("http://"),
         "--console-address", f"127.0.0.1:{free_port()}", str(directory / "data")],
        env=os.environ | {"MINIO_ROOT_USER": mounts.ACCESS_KEY,
                          "MINIO_ROOT_PASSWORD": mounts.SECRET_KEY},
        stdout=log, stderr=subprocess.STDOUT)

    def is_ready() -> bool:
        assert process.poll() is None, (directory / "log").read_text()
        try:
            return urllib.request.urlopen(url + "/minio/health/ready", timeout=5).status == 200
        except OSError:
            return False

    mounts.eventually(is_ready, "MinIO does not serve")
    yield url
    process.kill()
    process.wait()


bucket_numbers = itertools.count(1)


@pytest.fixture
def bucket(minio):
    """An empty bucket of its own for each test."""
    return mounts.Bucket(minio, f"bucket-{next(bucket_numbers)}")


@pytest.fixture
def place():
    """A directory that all users may enter, unlike pytest's tmp_path."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="datashim-posix-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def mount(bucket, place):
    """mount(prefix="", *options) mounts the test's bucket; stopped after the test."""
    running = []

    def make(prefix: str = "", *options: str) -> mounts.Mount:
        directory = place / f"mount-{len(running)}"
        directory.mkdir(exist_ok=True)
        options += ("--metadata-ttl", str(mounts.TTL_SECONDS))
        running.append(mounts.Mount(bucket.url, f"s3://{bucket.name}/{prefix}", directory,
                                    *options))
        return running[-1]

    yield make
    for each in running:
        if each.process.poll() is None:
            assert each.stop() == 0
        assert not each.is_mounted()
        each.path.rmdir()


@pytest.fixture
def root(mount) -> pathlib.Path:
    """The directory of a writable mount of the whole bucket."""
    return mount().path
