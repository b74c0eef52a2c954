"""Copies on a local disk: what they do to reads, which is nothing but speed."""

import contextlib
import os
import pathlib
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from mounts import MIB, Mount, eventually, pseudo_random


def complete(cache: pathlib.Path) -> list[pathlib.Path]:
    """The files of which all is on the disk."""
    found = (cache / "datashim-cache/complete").iterdir()
    return [path for path in found if path.suffix == ""]


@pytest.fixture
def cache(place):
    directory = place / "cache"
    directory.mkdir()
    return directory


@pytest.fixture
def cached(mount, cache):
    """Mounts the test's bucket with the cache directory."""
    return lambda *options: mount("", "--cache-dir", str(cache), *options)


def fill(mounted: Mount, cache: pathlib.Path, name: str) -> bytes:
    """Reads the file until its copy is complete."""
    count = len(complete(cache))
    content = (mounted.path / name).read_bytes()
    eventually(lambda: len(complete(cache)) > count, f"no copy of {name}")
    return content


@pytest.mark.parametrize("size", [128 << 10, MIB, 8 * MIB + 1, 70 * MIB + 12345])
def test_a_file_that_was_read_is_read_from_the_disk(cached, bucket, cache, size):
    content = pseudo_random(size, size)
    bucket.put("f", content)
    first = cached()
    assert fill(first, cache, "f") == content
    assert first.stop() == 0
    assert complete(cache)[0].read_bytes() == content
    second = cached()
    with open(second.path / "f", "rb", buffering=0) as file:
        bucket.delete("f")  # Now nothing else has the bytes.
        assert file.readall() == content


def test_a_copy_of_an_old_version_is_not_read(cached, bucket, cache):
    old, new = pseudo_random(3 * MIB, 1), pseudo_random(3 * MIB, 2)
    bucket.put("f", old)
    mounted = cached()
    assert fill(mounted, cache, "f") == old
    bucket.put("f", new)
    eventually(lambda: (mounted.path / "f").read_bytes() == new)
    assert mounted.stop() == 0
    assert (cached().path / "f").read_bytes() == new


def test_a_damaged_copy_is_not_read(cached, bucket, cache):
    content = pseudo_random(5 * MIB)
    bucket.put("f", content)
    mounted = cached()
    fill(mounted, cache, "f")
    assert mounted.stop() == 0
    copy = complete(cache)[0]
    with open(copy, "r+b") as file:
        file.seek(3 * MIB)
        file.write(bytes([content[3 * MIB] ^ 1]))
    assert (cached().path / "f").read_bytes() == content


def test_a_full_cache_disk_is_no_error(cached, bucket, cache):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "cache", cache], check=True)
    try:
        content = pseudo_random(20 * MIB)
        bucket.put("f", content)
        mounted = cached()
        with open(cache / "others", "wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(MIB))
                file.flush()
        assert (mounted.path / "f").read_bytes() == content
        subprocess.run(["mount", "-o", "remount,ro,bind", cache], check=True)
        bucket.put("g", content)
        assert (mounted.path / "g").read_bytes() == content
        assert mounted.stop() == 0
    finally:
        subprocess.run(["umount", cache], check=True)


def test_the_copies_keep_their_size(cached, bucket, cache):
    contents = {f"f{i}": pseudo_random(4 * MIB, i) for i in range(6)}
    for name, content in contents.items():
        bucket.put(name, content)
    mounted = cached("--cache-size", "10M")

    def used() -> int:
        return sum(path.stat().st_blocks * 512
                   for folder in ("complete", "filling")
                   for path in (cache / "datashim-cache" / folder).iterdir()
                   if path.suffix == "")

    for _ in range(2):
        for name, content in contents.items():
            assert (mounted.path / name).read_bytes() == content
            with contextlib.suppress(FileNotFoundError):
                assert used() <= 10 * MIB
    eventually(lambda: complete(cache))


def test_many_readers_of_files_that_become_complete(cached, bucket):
    contents = {f"f{i}": pseudo_random(20 * MIB + i, i) for i in range(3)}
    for name, content in contents.items():
        bucket.put(name, content)
    mounted = cached()

    def read(number: int):
        name = f"f{number % 3}"
        content = contents[name]
        for _ in range(4):
            with open(mounted.path / name, "rb", buffering=0) as file:
                at = number * MIB
                assert os.pread(file.fileno(), MIB, at) == content[at:at + MIB]
                assert file.readall() == content

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(read, range(6)))


def test_a_cache_directory_has_one_mount(cached, bucket, cache):
    cached()
    with pytest.raises(AssertionError, match="another process uses it"):
        cached()
