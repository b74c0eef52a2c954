"""`datashim unpack` as its Job runs it: real archives from a real web server or bucket into a real bucket."""

import hashlib
import http.server
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import threading
import zipfile

import boto3
import botocore.config
import pytest

from programs import ROOT, free_ports
from s3server import ACCESS_KEY, SECRET_KEY

BINARY = os.environ.get("DATASHIM_BIN", str(ROOT / "build/dev/src/datashim"))
DONE, TRY_AGAIN, FOR_GOOD = 0, 1, 3
FILES = {"readme": b"hello", "dir/empty": b"", "dir/sub/n\u00e4me": b"x" * 70_000,
         "dir/big": bytes(range(256)) * 40_000}


class WebServer(http.server.ThreadingHTTPServer):
    """Serves the files of a folder, without ranges as Python's own server, or with."""

    def __init__(self, folder: pathlib.Path, ranges: bool):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=str(folder))

            def log_message(self, *args):
                pass

            def do_GET(self):
                wanted = self.headers.get("Range")
                path = folder / self.path.split("?")[0].lstrip("/")
                if not ranges or wanted is None or not path.is_file():
                    return super().do_GET()
                content = path.read_bytes()
                first, last = (int(n) for n in wanted.removeprefix("bytes=").split("-"))
                self.send_response(206)
                self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
                self.send_header("Content-Range", f"bytes {first}-{min(last, len(content) - 1)}/{len(content)}")
                self.send_header("Content-Length", str(len(content[first:last + 1])))
                self.end_headers()
                self.wfile.write(content[first:last + 1])

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def stop(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


@pytest.fixture(params=[False, True], ids=["stream", "ranges"])
def web(request, tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    server = WebServer(folder, request.param)
    server.folder, server.ranges = folder, request.param
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(s3_url):
    return boto3.client("s3", endpoint_url=s3_url, region_name="us-east-1", aws_access_key_id=ACCESS_KEY,
                        aws_secret_access_key=SECRET_KEY,
                        config=botocore.config.Config(s3={"addressing_style": "path"}))


class Worker:
    """One place in a bucket, and runs of the worker that fill it."""

    def __init__(self, client, s3_url: str, bucket: str, folder: pathlib.Path):
        self.client, self.bucket, self.folder = client, bucket, folder
        self.secret = {"endpoint": s3_url, "bucket": bucket, "folder": "uid/version", "accessKeyID": ACCESS_KEY,
                       "secretAccessKey": SECRET_KEY, "extract": "true"}
        client.create_bucket(Bucket=bucket)

    def run(self, url: str, *options: str, **secret: str) -> subprocess.CompletedProcess:
        config = self.folder / "config"
        shutil.rmtree(config, ignore_errors=True)
        # As the kubelet mounts it: names are links to a folder that it replaces whole.
        (config / "..data").mkdir(parents=True)
        for key, value in (self.secret | {"url": url} | secret).items():
            (config / "..data" / key).write_text(value)
            (config / key).symlink_to(pathlib.Path("..data") / key)
        result = self.folder / "result"
        result.write_text("")
        done = subprocess.run([BINARY, "unpack", "--config-dir", str(config), "--result-file", str(result), *options],
                              capture_output=True, text=True, timeout=120)
        done.result = result.read_text()
        assert SECRET_KEY not in done.stdout + done.stderr + done.result
        return done

    def objects(self, prefix: str = "uid/version/") -> dict[str, bytes]:
        found = {}
        for entry in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", []):
            assert entry["Key"].startswith("uid/"), entry["Key"]
            if entry["Key"].startswith(prefix):
                found[entry["Key"].removeprefix(prefix)] = self.client.get_object(
                    Bucket=self.bucket, Key=entry["Key"])["Body"].read()
        return found


@pytest.fixture
def worker(client, s3_url, tmp_path, request):
    return Worker(client, s3_url, f"unpack-{abs(hash(request.node.name)):x}", tmp_path)


def tree(folder: pathlib.Path) -> pathlib.Path:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def pack(name: str, folder: pathlib.Path) -> bytes:
    """An archive of FILES, by bsdtar (format by the name) or by Python."""
    if name.startswith("python"):
        out = io.BytesIO()
        if name.endswith(".zip"):
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
                for path, content in FILES.items():
                    archive.writestr(path, content)
        else:
            with tarfile.open(fileobj=out, mode="w:" + name.rpartition(".")[2]) as archive:
                for path, content in FILES.items():
                    info = tarfile.TarInfo(path)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        return out.getvalue()
    source, made = folder / "tree", folder / name
    tree(source)
    subprocess.run(["bsdtar", "-a", "-cf", str(made), "-C", str(source), "."], check=True,
                   env=os.environ | {"LC_ALL": "C.UTF-8"})
    return made.read_bytes()


TARS = ["a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.tar.zst", "a.tar.lz4", "python.tar.gz", "python.tar.xz"]
SEEKING = ["a.zip", "python.zip", "a.7z"]


@pytest.mark.parametrize("name", TARS + SEEKING)
def test_archives_from_a_web_server(web, worker, tmp_path, name):
    archive = pack(name, tmp_path)
    (web.folder / name).write_bytes(archive)
    done = worker.run(f"{web.url}/{name}?signature=hush", sha256=hashlib.sha256(archive).hexdigest())
    assert "hush" not in done.stderr + done.result
    if name in SEEKING and not web.ranges:
        assert done.returncode == FOR_GOOD
        assert "put it into a bucket" in done.result
        assert worker.objects() == {}
        return
    assert done.returncode == DONE, done.stderr
    assert worker.objects() == FILES
    assert done.result.startswith(f"{len(FILES)} files, ")


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip", "a.7z"])
def test_archives_from_a_bucket(client, s3_url, worker, tmp_path, name):
    client.create_bucket(Bucket=f"source-{name.replace('.', '-')}")
    client.put_object(Bucket=f"source-{name.replace('.', '-')}", Key=f"in/{name}", Body=pack(name, tmp_path))
    origin = {"source.endpoint": s3_url, "source.bucket": "ignored", "source.accessKeyID": ACCESS_KEY,
              "source.secretAccessKey": SECRET_KEY}
    done = worker.run(f"s3://source-{name.replace('.', '-')}/in/{name}", **origin)
    assert done.returncode == DONE, done.stderr
    assert worker.objects() == FILES


def test_what_was_there_goes_and_what_is_beside_it_stays(web, client, worker, tmp_path):
    client.put_object(Bucket=worker.bucket, Key="uid/version/old", Body=b"old")
    client.put_object(Bucket=worker.bucket, Key="uid/version2/other", Body=b"other")
    (web.folder / "a.tar").write_bytes(pack("python.tar.gz", tmp_path))
    assert worker.run(f"{web.url}/a.tar").returncode == DONE
    assert worker.objects() == FILES
    assert worker.objects("uid/version2/") == {"other": b"other"}


def test_a_file_is_stored_as_it_is(web, worker):
    (web.folder / "table.csv").write_bytes(b"a,b\n")
    assert worker.run(f"{web.url}/table.csv", extract="false").returncode == DONE
    assert worker.objects() == {"table.csv": b"a,b\n"}


def hostile(path: str, **info) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo(path)
        for key, value in info.items():
            setattr(member, key, value)
        archive.addfile(member, io.BytesIO(b""))
    return out.getvalue()


@pytest.mark.parametrize("content, said", [
    (hostile("../../escape"), '"../../escape": its path has a'),
    (hostile("/etc/passwd"), "absolute"),
    (hostile("l", type=tarfile.SYMTYPE, linkname="../../x"), "out of the archive"),
    (hostile("null", type=tarfile.CHRTYPE), "device"),
    (b"no archive at all" * 100, "not what it says"),
])
def test_what_is_refused_says_which_entry(web, worker, content, said):
    (web.folder / "a.tar").write_bytes(content)
    done = worker.run(f"{web.url}/a.tar")
    assert done.returncode == FOR_GOOD
    assert said in done.result
    assert worker.objects() == {}


def test_limits(web, worker, tmp_path):
    (web.folder / "a.tar").write_bytes(pack("python.tar.gz", tmp_path))
    for option, said in (("--bytes-max=1M", "larger than the 1048576 bytes"), ("--entries-max=2", "2 entries")):
        done = worker.run(f"{web.url}/a.tar", option)
        assert done.returncode == FOR_GOOD and said in done.result


def test_a_wrong_digest_is_for_good(web, worker, tmp_path):
    archive = pack("python.tar.gz", tmp_path)
    (web.folder / "a.tar").write_bytes(archive)
    done = worker.run(f"{web.url}/a.tar", sha256="0" * 64)
    assert done.returncode == FOR_GOOD
    assert hashlib.sha256(archive).hexdigest() in done.result


def test_a_server_that_is_away_is_worth_another_attempt_and_a_missing_file_is_not(web, worker):
    assert worker.run(f"{web.url}/none").returncode == FOR_GOOD
    (port,) = free_ports(1)
    done = worker.run(f"http://127.0.0.1:{port}/a.tar")
    assert done.returncode == TRY_AGAIN and str(port) in done.result


def test_a_whole_bucket_is_no_place(web, worker):
    done = worker.run(f"{web.url}/a.tar", folder="")
    assert done.returncode == FOR_GOOD and "folder" in done.result
