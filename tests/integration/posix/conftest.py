"""Mounts of buckets of one S3 server. Needs root and /dev/fuse."""

import itertools
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import mounts  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def private_mounts():
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("mounting needs root and /dev/fuse")
    mounts.enter_private_mounts()


bucket_numbers = itertools.count(1)


@pytest.fixture
def bucket(s3_url):
    """An empty bucket of its own for each test."""
    return mounts.Bucket(s3_url, f"bucket-{next(bucket_numbers)}")


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
