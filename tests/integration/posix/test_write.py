"""Writing: what is in the bucket when, and what is refused."""

import errno
import os
import subprocess

import pytest
from mounts import MIB, eventually, pseudo_random, raises


def test_the_object_appears_with_the_close(root, bucket):
    bucket.put("g", b"old")
    with open(root / "f", "wb", buffering=0) as new, open(root / "g", "wb", buffering=0) as over:
        new.write(b"content")
        over.write(b"new")
        assert bucket.get("f") is None
        assert bucket.get("g") == b"old"
        assert (root / "f").stat().st_size == 7
    assert bucket.get("f") == b"content"
    assert bucket.get("g") == b"new"


def test_fsync_stores(root, bucket):
    with open(root / "f", "wb", buffering=0) as file:
        file.write(b"one")
        os.fsync(file.fileno())
        assert bucket.get("f") == b"one"
        file.write(b" two")
    assert bucket.get("f") == b"one two"


@pytest.mark.parametrize("size", [0, 1, 8 * MIB, 8 * MIB + 1, 65 * MIB + 17])
def test_every_byte_reaches_the_object(root, bucket, size):
    content = pseudo_random(size, size)
    (root / "f").write_bytes(content)
    assert bucket.get("f") == content
    assert bucket.uploads() == []
    assert (root / "f").read_bytes() == content


def test_a_large_upload_leaves_nothing_before_its_close(root, bucket):
    content = pseudo_random(30 * MIB)
    with open(root / "f", "wb", buffering=0) as file:
        for offset in range(0, len(content), MIB):
            file.write(content[offset:offset + MIB])
        assert bucket.get("f") is None
        eventually(lambda: bucket.uploads() == ["f"])
    assert bucket.get("f") == content


def test_small_files_are_written_at_any_place(root, bucket):
    (root / "f").write_bytes(b"0123456789")
    with open(root / "f", "r+b") as file:
        file.seek(3)
        file.write(b"abc")
    assert bucket.get("f") == b"012abc6789"
    with open(root / "f", "ab") as file:
        file.write(b"tail")
    assert bucket.get("f") == b"012abc6789tail"
    with open(root / "f", "r+b") as file:
        file.seek(20)
        file.write(b"x")
    assert bucket.get("f") == b"012abc6789tail" + bytes(6) + b"x"


def test_large_files_are_written_from_their_start(root, bucket):
    content = pseudo_random(20 * MIB)
    bucket.put("f", content)
    with raises(errno.EOPNOTSUPP):
        open(root / "f", "ab")
    assert bucket.get("f") == content
    file = os.open(root / "g", os.O_CREAT | os.O_WRONLY)
    for offset in range(0, len(content), MIB):
        os.write(file, content[offset:offset + MIB])
    with raises(errno.EOPNOTSUPP):
        os.pwrite(file, b"x", 0)
    with pytest.raises(OSError):
        os.close(file)
    assert bucket.get("g") is None


def test_truncate(root, bucket):
    (root / "f").write_bytes(b"0123456789")
    os.truncate(root / "f", 4)
    assert bucket.get("f") == b"0123"
    os.truncate(root / "f", 6)
    assert bucket.get("f") == b"0123\0\0"
    os.truncate(root / "f", 0)
    assert bucket.get("f") == b""
    bucket.put("big", pseudo_random(20 * MIB))
    os.truncate(root / "big", 0)
    assert bucket.get("big") == b""
    with open(root / "f", "r+b") as file:
        file.write(b"abcdef")
        file.truncate(3)
    assert bucket.get("f") == b"abc"


def test_open_with_truncation_replaces(root, bucket):
    bucket.put("f", pseudo_random(20 * MIB))
    (root / "f").write_bytes(b"short")
    assert bucket.get("f") == b"short"


def test_a_file_being_written_is_read_here(root):
    with open(root / "f", "wb", buffering=0) as writer:
        writer.write(b"so far")
        assert (root / "f").read_bytes() == b"so far"
        writer.write(b" so good")
    assert (root / "f").read_bytes() == b"so far so good"


def test_programs_that_append_to_one_file(root, bucket):
    (root / "log").write_bytes(b"")
    script = "for i in $(seq 40); do printf '%s\\n' line-$0-$i; done >> log"
    writers = [subprocess.Popen(["bash", "-c", script, str(i)], cwd=root) for i in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    lines = bucket.get("log").decode().splitlines()
    assert sorted(lines) == sorted(f"line-{w}-{i}" for w in range(3) for i in range(1, 41))


def test_exclusive_creation(root, bucket):
    with open(root / "f", "xb") as file:
        file.write(b"mine")
        with pytest.raises(FileExistsError):
            open(root / "f", "xb")
    file = os.open(root / "g", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.write(file, b"late")
    bucket.put("g", b"first")
    with raises(errno.EEXIST):
        os.close(file)
    assert bucket.get("g") == b"first"


def test_deleted_while_written(root, bucket):
    with open(root / "f", "wb", buffering=0) as file:
        file.write(b"x")
        os.unlink(root / "f")
        file.write(b"y")
    assert bucket.keys() == []
    assert os.listdir(root) == []


def test_renamed_while_written(root, bucket):
    with open(root / "f.tmp", "wb", buffering=0) as file:
        file.write(b"x")
        os.rename(root / "f.tmp", root / "f")
        file.write(b"y")
    assert bucket.keys() == ["f"]
    assert bucket.get("f") == b"xy"


def test_shells_and_their_redirections(root, bucket):
    script = "echo one > f; echo two >> f; cat f f > g; sort -r g -o h; : > empty; sed -i s/one/1/ f"
    subprocess.run(["bash", "-ec", script], cwd=root, check=True)
    assert bucket.get("f") == b"1\ntwo\n"
    assert bucket.get("g") == b"one\ntwo\none\ntwo\n"
    assert bucket.get("h") == b"two\ntwo\none\none\n"
    assert bucket.get("empty") == b""


def test_cp_of_a_git_checkout(root, bucket, place):
    source = place / "checkout"
    source.mkdir()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", source]
    subprocess.run([*git, "init", "-q"], check=True)
    for i in range(10):
        (source / f"file{i}").write_bytes(pseudo_random(3000, i))
    (source / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (source / "run.sh").chmod(0o555)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    read_only = [p for p in source.rglob("*") if p.is_file() and not p.stat().st_mode & 0o222]
    assert len(read_only) > 10  # git's objects are 0444.

    # As a user that modes count for; root may write to anything.
    subprocess.run(["chown", "-R", "1234:1234", source], check=True)
    subprocess.run(["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "cp", "-r", source,
                    root / "copy"], check=True)
    subprocess.run(["diff", "-r", source, root / "copy"], check=True)
    subprocess.run(["git", "-c", f"safe.directory={root}/copy", "-C", root / "copy", "fsck"],
                   check=True, capture_output=True)
    objects = {key.removeprefix("copy/") for key in bucket.keys() if not key.endswith("/")}
    assert objects == {p.relative_to(source).as_posix() for p in source.rglob("*") if p.is_file()}
    assert subprocess.run([root / "copy/run.sh"], check=True, capture_output=True).stdout == b"ran\n"
    subprocess.run(["rm", "-rf", root / "copy"], check=True)
    assert bucket.keys() == []


def test_parallel_writers_of_different_files(root, bucket):
    contents = {f"f{i}": pseudo_random(9 * MIB + i, i) for i in range(6)}
    writers = []
    for name, content in contents.items():
        writer = subprocess.Popen(["dd", f"of={root}/{name}", "bs=128k", "status=none"],
                                  stdin=subprocess.PIPE)
        writers.append((writer, content))
    for writer, content in writers:
        writer.communicate(content)
        assert writer.returncode == 0
    for name, content in contents.items():
        assert bucket.get(name) == content
