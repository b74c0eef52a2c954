"""Reads of one object through a mount: cold and sequential, against parallel ranged
curl of the same object; warm, by read(2) and by mmap, against the same file on
the disk. Contenders take turns in one run."""

import contextlib
import mmap
import os
import pathlib
import subprocess
import tempfile
import time

from measure import ROOT, Minio, Report, cpu_seconds, memory_mib, wait_for

PART = 8 << 20
CURL_CONNECTIONS = 16
READ = 1 << 20


def put_object(minio: Minio, key: str, size: int) -> None:
    """Random bytes, uploaded in parts without holding them all."""
    upload = minio.client.create_multipart_upload(Bucket=minio.bucket, Key=key)["UploadId"]
    parts = []
    for number in range(1, size // (64 << 20) + 1):
        answer = minio.client.upload_part(Bucket=minio.bucket, Key=key, UploadId=upload, PartNumber=number,
                                          Body=os.urandom(64 << 20))
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    minio.client.complete_multipart_upload(Bucket=minio.bucket, Key=key, UploadId=upload,
                                           MultipartUpload={"Parts": parts})


def curl(minio: Minio, key: str, size: int) -> dict[str, float]:
    """One curl process, 16 connections, 8 MiB ranges, bytes thrown away."""
    config = "".join(
        f'url = "{minio.endpoint}/{minio.bucket}/{key}"\nrange = {begin}-{min(begin + PART, size) - 1}\n'
        f'output = /dev/null\nnext\n' for begin in range(0, size, PART))
    before = os.times()
    begin = time.monotonic()
    subprocess.run(["curl", "-sS", "--no-progress-meter", "--fail", "--parallel", "--parallel-max", str(CURL_CONNECTIONS), "-K", "-"],
                   input=config.removesuffix("next\n"), text=True, check=True)
    seconds = time.monotonic() - begin
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"gb_per_s": size / 1e9 / seconds, "cpu_s_per_gb": cpu / (size / 1e9)}


@contextlib.contextmanager
def mounted(datashim: pathlib.Path, minio: Minio, *options: str):
    """`datashim mount` of the bucket, cold; yields directory and pid."""
    with tempfile.TemporaryDirectory(prefix="datashim-bench-") as folder:
        process = subprocess.Popen(
            [datashim, "mount", f"s3://{minio.bucket}", folder, "--endpoint-url", minio.endpoint,
             "--region", "us-east-1", "--read-only", *options], env=minio.environment, stdout=subprocess.DEVNULL)
        try:
            wait_for("the mount is there", lambda: os.path.ismount(folder) or process.poll() is not None)
            if process.poll() is not None:
                raise RuntimeError(f"datashim mount ended with {process.returncode}")
            yield pathlib.Path(folder), process.pid
        finally:
            process.terminate()
            process.wait()


def read_all(path: pathlib.Path, buffer: bytearray) -> int:
    total = 0
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            total += count
    return total


def through_mount(datashim: pathlib.Path, minio: Minio, key: str, size: int) -> dict[str, float]:
    with mounted(datashim, minio) as (folder, pid):
        buffer = bytearray(READ)
        before = cpu_seconds(pid)
        begin = time.monotonic()
        if read_all(folder / key, buffer) != size:
            raise RuntimeError("the file is shorter than the object")
        seconds = time.monotonic() - begin
        return {"gb_per_s": size / 1e9 / seconds, "cpu_s_per_gb": (cpu_seconds(pid) - before) / (size / 1e9),
                "peak_rss_mib": memory_mib(pid, "VmHWM")}


def cold_sequential(report: Report, datashim: pathlib.Path, rounds: int, size: int = 1 << 30) -> None:
    with Minio() as minio:
        put_object(minio, "object", size)
        for number in range(rounds + 1):
            results = {"datashim": through_mount(datashim, minio, "object", size),
                       "curl": curl(minio, "object", size)}
            if number == 0:
                continue  # first touch of memory
            for contender, metrics in results.items():
                report.add("cold_seq", contender, **metrics)
            report.add("cold_seq", "ratio", datashim_to_curl=results["datashim"]["gb_per_s"] / results["curl"]["gb_per_s"])


def reopened(path: pathlib.Path) -> tuple[int, float]:
    """Bytes and seconds of open, read(2) to the end, close."""
    buffer = bytearray(READ)
    begin = time.monotonic()
    return read_all(path, buffer), time.monotonic() - begin


def touched(path: pathlib.Path) -> tuple[int, float]:
    """Bytes and seconds of touching every page of a fresh mapping."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        begin = time.monotonic()
        pages = len(mapped[::mmap.PAGESIZE])
        return pages * mmap.PAGESIZE, time.monotonic() - begin


def rate(way, path: pathlib.Path, size: int) -> float:
    """GB/s of one pass over the file."""
    total, seconds = way(path)
    if total != size:
        raise RuntimeError(f"{path} is shorter than the object")
    return size / 1e9 / seconds


@contextlib.contextmanager
def warm(datashim: pathlib.Path, minio: Minio, key: str, size: int):
    """The object through a mount and as the file of its cache, both in the page cache."""
    (ROOT / "build/bench").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build/bench") as cache, \
            mounted(datashim, minio, "--cache-dir", cache, "--read-mode", "passthrough") as (folder, _):
        read_all(folder / key, bytearray(READ))
        complete = pathlib.Path(cache) / "datashim-cache/complete"
        wait_for("the copy is complete", lambda: len(list(complete.iterdir())) == 2, seconds=120)
        copy = next(path for path in complete.iterdir() if path.suffix == "")
        yield {"datashim": folder / key, "ext4": copy}


def warm_reads(report: Report, datashim: pathlib.Path, rounds: int, scenarios: list[str], size: int = 1 << 30) -> None:
    ways = {"warm_read": reopened, "warm_mmap": touched}
    with Minio() as minio:
        put_object(minio, "object", size)
        with warm(datashim, minio, "object", size) as paths:
            for number in range(rounds + 1):
                for scenario in scenarios:
                    rates = {name: rate(ways[scenario], path, size) for name, path in paths.items()}
                    if number == 0:
                        continue
                    for name, value in rates.items():
                        report.add(scenario, name, gb_per_s=value)
                    report.add(scenario, "ratio", datashim_to_ext4=rates["datashim"] / rates["ext4"])
