"""The life of `datashim mount`: what it takes, says and leaves."""

import errno
import json
import os
import signal
import subprocess

import mounts
import pytest
from mounts import MIB, eventually, raises, reads_as


def test_sigterm_and_sigint_unmount(mount):
    for number in (signal.SIGTERM, signal.SIGINT):
        mounted = mount()
        assert mounted.is_mounted()
        assert mounted.stop(number) == 0
        assert not mounted.is_mounted()


def test_umount_ends_the_process(mount):
    mounted = mount()
    subprocess.run(["umount", mounted.path], check=True)
    assert mounted.wait() == 0


def test_a_busy_mount_goes_when_its_files_are_closed(mount, bucket):
    bucket.put("f", b"content")
    mounted = mount()
    with open(mounted.path / "f", "rb") as file:
        mounted.process.send_signal(signal.SIGTERM)
        eventually(lambda: not mounted.is_mounted())
        assert file.read() == b"content"
    assert mounted.wait() == 0


def test_a_file_that_stays_open_does_not_keep_the_process(mount, bucket):
    mounted = mount()
    file = os.open(mounted.path / "f", os.O_CREAT | os.O_WRONLY)
    os.write(file, b"never closed in time")
    assert mounted.stop() == 0
    with raises(errno.ENOTCONN):
        os.close(file)
    assert bucket.get("f") is None


def test_a_prefix_is_all_that_its_mount_sees(mount, bucket):
    for key in ("a/in", "a/deep/in", "ab/out", "out"):
        bucket.put(key, key.encode())
    path = mount("a").path
    assert sorted(p.relative_to(path).as_posix() for p in path.rglob("*")) == [
        "deep", "deep/in", "in"]
    (path / "new").write_bytes(b"new")
    assert bucket.get("a/new") == b"new"
    (path / "in").rename(path / "moved")
    assert bucket.get("a/moved") == b"a/in"
    assert (path / ".." / "out").exists() is False
    assert bucket.get("out") == b"out"


def test_two_mounts_share_a_bucket(mount):
    first, second = mount().path, mount().path
    (first / "f").write_text("one")
    eventually(lambda: reads_as(second / "f", b"one"))
    (second / "f").write_text("two, longer")
    eventually(lambda: reads_as(first / "f", b"two, longer"))


def test_readahead_is_one_mebibyte(mount):
    device = os.stat(mount().path).st_dev
    name = f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb"
    with open(name) as file:
        assert file.read() == "1024\n"


def test_anonymous_access_to_a_public_bucket(bucket, place):
    bucket.put("f", b"for all")
    bucket.client.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]},
                       "Action": ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"],
                       "Resource": [f"arn:aws:s3:::{bucket.name}",
                                    f"arn:aws:s3:::{bucket.name}/*"]}]}))
    env = mounts.environment()
    del env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
    mounted = mounts.Mount(bucket.url, f"s3://{bucket.name}", place, "--no-sign-request",
                           env=env)
    assert (mounted.path / "f").read_bytes() == b"for all"
    with raises(errno.EACCES):
        (mounted.path / "g").write_bytes(b"x")
    assert mounted.stop() == 0


def failed_mount(url, source, directory, *options, **env):
    run = subprocess.run(mounts.command(url, source, directory, *options),
                         env=mounts.environment(**env), capture_output=True, text=True,
                         timeout=mounts.PATIENCE_SECONDS, check=False)
    assert "mounted" not in run.stdout
    assert mounts.SECRET_KEY not in run.stderr
    return run


@pytest.mark.parametrize("case", ["keys", "bucket", "endpoint", "no keys", "directory"])
def test_what_cannot_be_mounted_is_said_and_leaves_nothing(bucket, place, case):
    url, source, directory, env = bucket.url, f"s3://{bucket.name}", place, {}
    said = bucket.name
    if case == "keys":
        env = {"AWS_SECRET_ACCESS_KEY": "wrong-wrong"}
    elif case == "bucket":
        source = f"s3://{bucket.name}-none"
    elif case == "endpoint":
        url = said = "http://127.0.0.1:1"
    elif case == "no keys":
        env, said = {"AWS_ACCESS_KEY_ID": ""}, "--no-sign-request"
    elif case == "directory":
        directory = place / "none"
        said = str(directory)
    run = failed_mount(url, source, directory, **env)
    assert run.returncode == 1
    assert said in run.stderr
    assert not mounts.is_mounted(directory)


def test_a_source_that_is_none_is_a_usage_error(bucket, place):
    for source in ("bucket", "s3://", "http://bucket"):
        run = failed_mount(bucket.url, source, place)
        assert run.returncode == 2
        assert "s3://bucket[/prefix]" in run.stderr


def test_a_read_only_mount_refuses_every_change(mount, bucket):
    bucket.put("f", b"content")
    bucket.put("d/g", b"content")
    before = sorted(bucket.keys())
    path = mount("", "--read-only").path
    assert (path / "f").read_bytes() == b"content"
    changes = [
        lambda: (path / "new").write_bytes(b"x"),
        lambda: open(path / "f", "ab"),
        lambda: os.truncate(path / "f", 0),
        lambda: os.unlink(path / "f"),
        lambda: os.rename(path / "f", path / "h"),
        lambda: os.mkdir(path / "e"),
        lambda: os.rmdir(path / "d"),
        lambda: os.chmod(path / "f", 0o600),
        lambda: os.utime(path / "f"),
        lambda: os.symlink("f", path / "s"),
    ]
    for change in changes:
        with raises(errno.EROFS):
            change()
    assert sorted(bucket.keys()) == before


def test_upload_of_a_file_that_nobody_closed_leaves_nothing(mount, bucket):
    mounted = mount()
    file = os.open(mounted.path / "big", os.O_CREAT | os.O_WRONLY)
    chunk = mounts.pseudo_random(MIB)
    for _ in range(20):
        os.write(file, chunk)
    eventually(bucket.uploads)
    assert mounted.stop() == 0
    with raises(errno.ENOTCONN):
        os.close(file)
    assert bucket.get("big") is None
    assert bucket.uploads() == []
