"""Reading: whole objects, parts of them, many readers."""

import errno
import filecmp
import hashlib
import mmap
import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from mounts import MIB, eventually, pseudo_random, reads_as

SIZES = [0, 1, 4095, 4096, 4097, MIB - 1, MIB, 8 * MIB, 8 * MIB + 1, 70 * MIB + 12345]


@pytest.mark.parametrize("size", SIZES)
def test_every_byte_is_the_objects(root, bucket, size):
    content = pseudo_random(size, size)
    bucket.put("f", content)
    assert (root / "f").stat().st_size == size
    assert (root / "f").read_bytes() == content


def test_any_block_size_reads_the_same(root, bucket):
    content = pseudo_random(9 * MIB + 777)
    bucket.put("f", content)
    expected = hashlib.sha256(content).hexdigest()
    for block in ("512", "4k", "100k", "3M", "16M"):
        for flags in ([], ["iflag=direct"]):
            if block in ("512", "4k") and flags:
                continue
            copy = subprocess.run(
                ["dd", f"if={root}/f", f"bs={block}", "status=none", *flags],
                check=True, capture_output=True).stdout
            assert hashlib.sha256(copy).hexdigest() == expected, (block, flags)


def test_mmap_shows_the_object(root, bucket):
    content = pseudo_random(20 * MIB + 5)
    bucket.put("weights", content)
    with open(root / "weights", "rb") as file, \
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert mapped[-5:] == content[-5:]
        for offset in random.Random(3).sample(range(len(content) - 100), 50):
            assert mapped[offset:offset + 100] == content[offset:offset + 100]
        assert mapped[:] == content


def test_random_reads(root, bucket):
    content = pseudo_random(30 * MIB)
    bucket.put("f", content)
    chance = random.Random(4)
    with open(root / "f", "rb", buffering=0) as file:
        for _ in range(200):
            offset, size = chance.randrange(len(content)), chance.randrange(1, 300_000)
            assert os.pread(file.fileno(), size, offset) == content[offset:offset + size]
        assert os.pread(file.fileno(), 10, len(content)) == b""
        assert os.pread(file.fileno(), 10, len(content) - 3) == content[-3:]


def test_concurrent_readers(root, bucket):
    contents = {f"f{i}": pseudo_random(10 * MIB + i, i) for i in range(3)}
    for name, content in contents.items():
        bucket.put(name, content)

    def read(number: int):
        name = f"f{number % 3}"
        run = subprocess.run(["sha256sum", root / name], check=True, capture_output=True)
        assert run.stdout.split()[0].decode() == hashlib.sha256(contents[name]).hexdigest()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(read, range(12)))


def test_a_file_replaced_elsewhere_is_never_mixed(root, bucket):
    old, new = pseudo_random(40 * MIB, 1), pseudo_random(40 * MIB, 2)
    bucket.put("f", old)
    with open(root / "f", "rb", buffering=0) as file:
        assert file.read(MIB) == old[:MIB]
        bucket.put("f", new)
        offset = MIB
        try:
            while block := os.pread(file.fileno(), MIB, offset):
                assert block == old[offset:offset + len(block)]
                offset += len(block)
        except OSError as error:
            assert error.errno == errno.ESTALE
    eventually(lambda: reads_as(root / "f", new))


def test_a_file_deleted_elsewhere_is_stale_or_old(root, bucket):
    content = pseudo_random(40 * MIB)
    bucket.put("f", content)
    with open(root / "f", "rb", buffering=0) as file:
        assert file.read(100) == content[:100]
        bucket.delete("f")
        try:
            assert os.pread(file.fileno(), 100, 39 * MIB) == content[39 * MIB:39 * MIB + 100]
        except OSError as error:
            assert error.errno == errno.ESTALE


def test_programs_that_walk_and_compare(root, bucket, place):
    source = place / "source"
    for i in range(40):
        file = source / f"d{i % 4}" / f"f{i}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pseudo_random(i * 1000, i))
        bucket.put(f"tree/d{i % 4}/f{i}", file.read_bytes())
    subprocess.run(["diff", "-r", source, root / "tree"], check=True)
    subprocess.run(["cp", "-r", root / "tree", place / "copy"], check=True)
    comparison = filecmp.dircmp(source, place / "copy")
    assert not comparison.diff_files and not comparison.left_only and not comparison.right_only
    subprocess.run(["tar", "-C", root, "-cf", place / "t.tar", "tree"], check=True)
    usage = subprocess.run(["du", "-sb", "--apparent-size", root / "tree"], check=True,
                           capture_output=True, text=True).stdout
    assert int(usage.split()[0]) == sum(i * 1000 for i in range(40))
