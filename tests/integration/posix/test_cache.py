"""Copies on a local disk: what they do to reads, which is nothing but speed."""

import contextlib
import mmap
import os
import pathlib
import random
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import mounts
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


@pytest.fixture(params=["passthrough", "page-cache"])
def cached(mount, cache, request):
    """Mounts the test's bucket with the cache directory."""
    return lambda *options: mount("", "--cache-dir", str(cache), "--read-mode", request.param,
                                  *options)


@pytest.fixture
def passing(mount, cache):
    """The same, only with passthrough."""
    return lambda *options: mount("", "--cache-dir", str(cache), "--read-mode", "passthrough",
                                  *options)


def all_bytes(file, size: int) -> bytes:
    """By nothing but reads: Python's readall asks for the size first."""
    pieces = []
    while piece := os.pread(file.fileno(), size, sum(map(len, pieces))):
        pieces.append(piece)
    return b"".join(pieces)


@contextlib.contextmanager
def stopped(mounted: Mount):
    """The process answers nothing meanwhile."""
    mounted.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        mounted.process.send_signal(signal.SIGCONT)


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


def reads_keep_copies_within(mounted: Mount, bucket, cache: pathlib.Path, limit: int) -> None:
    """Reads more than the limit, twice."""
    contents = {f"f{i}": pseudo_random(4 * MIB, i) for i in range(6)}
    for name, content in contents.items():
        bucket.put(name, content)

    def used() -> int:
        return sum(path.stat().st_blocks * 512
                   for folder in ("complete", "filling")
                   for path in (cache / "datashim-cache" / folder).iterdir()
                   if path.suffix == "")

    for _ in range(2):
        for name, content in contents.items():
            assert (mounted.path / name).read_bytes() == content
            with contextlib.suppress(FileNotFoundError):
                assert used() <= limit
    eventually(lambda: complete(cache))


def test_the_copies_keep_their_size(cached, bucket, cache):
    reads_keep_copies_within(cached("--cache-size", "10M"), bucket, cache, 10 * MIB)


def test_the_copies_keep_their_share_of_the_disk(cached, bucket, cache):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "cache", cache], check=True)
    try:
        mounted = cached("--cache-size", "25%", "--cache-disk-free-percent", "0")
        reads_keep_copies_within(mounted, bucket, cache, 10 * MIB)
        assert mounted.stop() == 0
    finally:
        subprocess.run(["umount", cache], check=True)


@pytest.mark.parametrize("size", ["0", "0%", "101%", "%", "lots", "-1"])
def test_a_size_that_is_none_is_refused(bucket, place, size):
    run = subprocess.run(mounts.command(bucket.url, f"s3://{bucket.name}", place, "--cache-dir", "/nowhere",
                                        "--cache-size", size),
                         env=mounts.environment(), capture_output=True, text=True,
                         timeout=mounts.PATIENCE_SECONDS, check=False)
    assert run.returncode == 2
    assert "--cache-size" in run.stderr or size in run.stderr


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


def test_the_kernel_reads_complete_copies_by_itself(passing, bucket, cache):
    content = pseudo_random(20 * MIB + 3)
    bucket.put("f", content)
    mounted = passing()
    fill(mounted, cache, "f")
    with open(mounted.path / "f", "rb", buffering=0) as file, \
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        with stopped(mounted):
            assert all_bytes(file, len(content)) == content
            assert mapped[:] == content
        assert os.fstat(file.fileno()).st_size == len(content)
    # Several at once, and again when all are closed.
    for _ in range(2):
        with open(mounted.path / "f", "rb") as one, open(mounted.path / "f", "rb") as two, \
                stopped(mounted):
            for file in (one, two):
                assert all_bytes(file, len(content)) == content


def test_what_is_open_goes_on_when_the_copy_becomes_complete(passing, bucket, cache):
    content = pseudo_random(40 * MIB)
    bucket.put("f", content)
    mounted = passing()
    with open(mounted.path / "f", "rb", buffering=0) as early:
        assert early.read(100) == content[:100]
        fill(mounted, cache, "f")
        with open(mounted.path / "f", "rb", buffering=0) as late:
            with stopped(mounted):
                assert all_bytes(late, len(content)) == content
            assert early.readall() == content[100:]
            assert os.fstat(early.fileno()).st_size == os.fstat(late.fileno()).st_size
        with open(mounted.path / "f", "rb", buffering=0) as third, stopped(mounted):
            assert all_bytes(third, len(content)) == content
        os.lseek(early.fileno(), 0, os.SEEK_SET)
        assert early.readall() == content


def test_a_file_that_passes_through_is_replaced_and_deleted(passing, bucket, cache):
    old, new = pseudo_random(3 * MIB, 1), pseudo_random(2 * MIB, 2)
    bucket.put("f", old)
    mounted = passing()
    fill(mounted, cache, "f")
    with open(mounted.path / "f", "rb", buffering=0) as reader:
        assert reader.read(100) == old[:100]
        (mounted.path / "f").write_bytes(new)
        assert bucket.get("f") == new
        assert (mounted.path / "f").read_bytes() == new
        (mounted.path / "f").unlink()
        assert reader.readall() == old[100:]
    assert not (mounted.path / "f").exists()


def test_a_file_that_passes_through_is_appended_to(passing, bucket, cache):
    old = pseudo_random(3 * MIB, 1)
    bucket.put("f", old)
    mounted = passing()
    fill(mounted, cache, "f")
    with open(mounted.path / "f", "rb", buffering=0) as reader:
        with open(mounted.path / "f", "ab") as writer:
            writer.write(b"more")
        assert reader.readall() == old
        os.truncate(mounted.path / "f", 5)
        assert os.pread(reader.fileno(), 100, 0) == old[:100]
        assert (mounted.path / "f").read_bytes() == old[:5]
    assert bucket.get("f") == old[:5]


def test_an_open_file_is_read_to_its_end_whatever_happens_to_the_object(cached, bucket, cache):
    contents = {f"f{i}": pseudo_random(4 * MIB, i) for i in range(4)}
    for name, content in contents.items():
        bucket.put(name, content)
    mounted = cached("--cache-size", "9M")
    fill(mounted, cache, "f0")
    with open(mounted.path / "f0", "rb", buffering=0) as file:
        assert file.read(10) == contents["f0"][:10]
        for name, content in contents.items():
            assert (mounted.path / name).read_bytes() == content
        bucket.put("f0", b"another")
        assert file.readall() == contents["f0"][10:]


def test_many_opens_in_all_modes(cached, bucket):
    contents = {f"f{i}": pseudo_random(2 * MIB + i, i) for i in range(4)}
    for name, content in contents.items():
        bucket.put(name, content)
    path = cached("--cache-size", "5M").path

    def use(number: int):
        chance = random.Random(number)
        for _ in range(40):
            name = f"f{chance.randrange(4)}"
            content = contents[name]
            with open(path / name, "r+b" if chance.random() < 0.2 else "rb", buffering=0) as file:
                at = chance.randrange(len(content))
                assert os.pread(file.fileno(), 200_000, at) == content[at:at + 200_000]
                if chance.random() < 0.5:
                    assert file.readall() == content

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(use, range(6)))


@pytest.fixture
def overlay(place):
    """A directory on a file system that stands on another one: too deep for passthrough."""
    base, directory = place / "base", place / "overlay"
    for each in (base, directory):
        each.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "base", base], check=True)
    for each in ("lower", "upper", "work"):
        (base / each).mkdir()
    subprocess.run(["mount", "-t", "overlay", "overlay", directory, "-o",
                    f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work"], check=True)
    yield directory
    subprocess.run(["umount", directory, base], check=True)


def test_where_passthrough_is_not_possible(mount, bucket, overlay):
    content = pseudo_random(3 * MIB)
    bucket.put("f", content)
    with pytest.raises(AssertionError, match="--read-mode passthrough"):
        mount("", "--cache-dir", str(overlay), "--read-mode", "passthrough")
    mounted = mount("", "--cache-dir", str(overlay))
    assert fill(mounted, overlay, "f") == content
    with open(mounted.path / "f", "rb", buffering=0) as file:
        bucket.delete("f")
        assert file.readall() == content
    assert mounted.stop() == 0


def test_passthrough_needs_a_cache(mount):
    with pytest.raises(AssertionError, match="needs --cache-dir"):
        mount("", "--read-mode", "passthrough")


def test_a_cache_directory_has_one_mount(cached, bucket, cache):
    cached()
    with pytest.raises(AssertionError, match="another process uses it"):
        cached()
