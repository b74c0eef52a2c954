"""Keys as names, directories and attributes."""

import errno
import os
import stat
import subprocess

from concurrent.futures import ThreadPoolExecutor
from mounts import eventually, raises


def tree(path):
    return sorted(p.relative_to(path).as_posix() + ("/" if p.is_dir() else "")
                  for p in path.rglob("*"))


def test_keys_are_files_and_directories(root, bucket):
    for key in ("a", "d/e/f", "d/g", "with space/ä.txt"):
        bucket.put(key, b"x")
    bucket.put("empty/")
    assert tree(root) == ["a", "d/", "d/e/", "d/e/f", "d/g", "empty/", "with space/",
                          "with space/ä.txt"]
    assert list((root / "empty").iterdir()) == []
    assert (root / "with space/ä.txt").read_bytes() == b"x"


def test_a_listing_of_many_pages_is_whole(root, bucket):
    names = [f"{i:05}" for i in range(1201)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: bucket.put(f"many/{name}", b"12"), names))
    listing = subprocess.run(["ls", "-l", root / "many"], check=True, capture_output=True,
                             text=True).stdout.splitlines()[1:]
    assert [line.split()[-1] for line in listing] == names
    assert {line.split()[4] for line in listing} == {"2"}
    found = subprocess.run(["find", root, "-type", "f"], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    assert len(found) == 1201


def test_names_that_cannot_be_keys_are_refused(root):
    with raises(errno.ENAMETOOLONG):
        (root / ("n" * 256)).write_bytes(b"x")
    deep = root / "/".join(["d" * 200] * 4)
    os.makedirs(deep)
    with raises(errno.ENAMETOOLONG):
        (deep / ("n" * 230)).write_bytes(b"x")


def test_changes_elsewhere_are_seen_when_what_is_known_is_old(root, bucket):
    assert not (root / "f").exists()
    bucket.put("f", b"one")
    eventually((root / "f").exists)
    assert (root / "f").read_bytes() == b"one"
    inode = (root / "f").stat().st_ino
    bucket.put("f", b"three")
    eventually(lambda: (root / "f").stat().st_size == 5)
    assert (root / "f").read_bytes() == b"three"
    assert (root / "f").stat().st_ino != inode
    bucket.delete("f")
    eventually(lambda: not (root / "f").exists())


def test_changes_here_are_seen_here_at_once(root, bucket):
    assert os.listdir(root) == []
    (root / "f").write_bytes(b"one")
    assert os.listdir(root) == ["f"]
    inode = (root / "f").stat().st_ino
    (root / "f").write_bytes(b"three")
    assert (root / "f").stat().st_size == 5
    assert (root / "f").stat().st_ino == inode
    (root / "f").unlink()
    assert os.listdir(root) == []
    assert bucket.keys() == []


def test_a_lost_bucket_is_an_error_and_no_missing_file(root, bucket):
    bucket.client.delete_bucket(Bucket=bucket.name)

    def fails_with_an_error():
        try:
            os.stat(root / "name-never-asked-for")
        except FileNotFoundError:
            return False
        except OSError as error:
            return error.errno in (errno.EIO, errno.EACCES)
        return False

    eventually(fails_with_an_error)


def test_mkdir_and_rmdir(root, bucket):
    os.mkdir(root / "d")
    assert bucket.keys() == ["d/"]
    with raises(errno.EEXIST):
        os.mkdir(root / "d")
    (root / "d/f").write_bytes(b"x")
    with raises(errno.ENOTEMPTY):
        os.rmdir(root / "d")
    with raises(errno.EEXIST):
        os.mkdir(root / "d/f")
    with raises(errno.ENOTDIR):
        os.rmdir(root / "d/f")
    with raises(errno.EISDIR):
        os.unlink(root / "d")
    os.unlink(root / "d/f")
    os.rmdir(root / "d")
    assert bucket.keys() == []
    with raises(errno.ENOENT):
        os.rmdir(root / "d")


def test_a_directory_stays_when_its_last_file_goes(root, bucket):
    bucket.put("d/f", b"x")
    os.unlink(root / "d/f")
    assert (root / "d").is_dir()
    (root / "d/g").write_bytes(b"y")
    assert bucket.keys() == ["d/g"]
    os.unlink(root / "d/g")
    os.rmdir(root / "d")
    assert not (root / "d").exists()


def test_an_open_directory_is_a_snapshot(root, bucket):
    for i in range(300):
        bucket.put(f"d/{i:03}", b"")
    with os.scandir(root / "d") as entries:
        first = next(entries).name
        for name in ("000", "150", "299"):
            os.unlink(root / "d" / name)
        names = [first] + [entry.name for entry in entries]
    assert len(names) == len(set(names))
    assert set(names) >= {f"{i:03}" for i in range(300)} - {"000", "150", "299"}


def test_attributes_are_accepted_and_remembered(root, bucket):
    (root / "f").write_bytes(b"x")
    os.chmod(root / "f", 0o640)
    os.chown(root / "f", 12, 34)
    os.utime(root / "f", (1_000_000, 1_000_000))
    status = os.stat(root / "f")
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert (status.st_uid, status.st_gid) == (12, 34)
    assert status.st_mtime == 1_000_000
    assert bucket.get("f") == b"x"


def test_modes_and_times_without_attributes(root, bucket):
    bucket.put("f", b"x")
    os.mkdir(root / "d")
    status = os.stat(root / "f")
    assert stat.S_IMODE(status.st_mode) == 0o666
    assert (status.st_uid, status.st_gid) == (0, 0)
    modified = bucket.client.head_object(Bucket=bucket.name, Key="f")["LastModified"]
    assert status.st_mtime == modified.timestamp()


def test_the_file_system_is_large(root):
    status = os.statvfs(root)
    assert status.f_bavail * status.f_frsize == 1 << 50


def test_modes_count_for_other_users(root):
    (root / "f").write_bytes(b"secret")
    os.chmod(root / "f", 0o600)
    os.chmod(root, 0o755)
    script = f"cat {root}/f; touch {root}/g"
    run = subprocess.run(["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "sh", "-c",
                          script], capture_output=True, text=True, check=False)
    assert run.stderr.count("Permission denied") == 2
    assert run.stdout == ""


def test_rename(root, bucket):
    (root / "f").write_bytes(b"content")
    os.rename(root / "f", root / "g")
    assert bucket.keys() == ["g"]
    assert (root / "g").read_bytes() == b"content"
    assert not (root / "f").exists()
    (root / "h").write_bytes(b"old")
    os.rename(root / "g", root / "h")
    assert bucket.get("h") == b"content"
    assert bucket.keys() == ["h"]
    os.rename(root / "h", root / "h")
    assert bucket.get("h") == b"content"
    with raises(errno.ENOENT):
        os.rename(root / "none", root / "x")
    os.mkdir(root / "d")
    os.rename(root / "h", root / "d/i")
    assert sorted(bucket.keys()) == ["d/", "d/i"]


def test_mv_of_a_directory_copies(root, bucket):
    bucket.put("d/a", b"1")
    bucket.put("d/e/b", b"2")
    with raises(errno.EXDEV):
        os.rename(root / "d", root / "m")
    subprocess.run(["mv", root / "d", root / "m"], check=True)
    assert bucket.get("m/a") == b"1"
    assert bucket.get("m/e/b") == b"2"
    assert not (root / "d").exists()
    assert not [key for key in bucket.keys() if key.startswith("d/")]


def test_what_an_object_store_has_not(root, bucket):
    bucket.put("f", b"0123456789")
    with raises(errno.EPERM):
        os.symlink("f", root / "s")
    with raises(errno.EPERM):
        os.link(root / "f", root / "l")
    with raises(errno.EPERM):
        os.mkfifo(root / "p")
    with raises(errno.EOPNOTSUPP):
        os.setxattr(root / "f", "user.a", b"b")
    with open(root / "f", "rb") as file:
        assert os.lseek(file.fileno(), 0, os.SEEK_HOLE) == 10
