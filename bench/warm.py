"""Reads of one object whose copy on the local disk is complete, by read(2) and
by mmap, against the file of the copy itself."""

import contextlib
import mmap
import pathlib
import tempfile
import time

from contenders import mounted
from measure import ROOT, Minio, Report, wait_for

READ = 1 << 20
SIZE = 1 << 30


def read_all(path: pathlib.Path, buffer: bytearray) -> int:
    total = 0
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            total += count
    return total


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


WAYS = {"warm_read": reopened, "warm_mmap": touched}


def rate(way, path: pathlib.Path) -> float:
    """GB/s of one pass over the file."""
    total, seconds = way(path)
    if total != SIZE:
        raise RuntimeError(f"{path} is shorter than the object")
    return SIZE / 1e9 / seconds


@contextlib.contextmanager
def warm(datashim: str, s3: Minio, key: str):
    """The object through a mount and as the file of its cache, both in the page cache."""
    (ROOT / "build/bench").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build/bench") as cache, \
            mounted("datashim", datashim, s3, "--cache-dir", cache, "--read-mode", "passthrough") as (folder, _):
        read_all(folder / key, bytearray(READ))
        complete = pathlib.Path(cache) / "datashim-cache/complete"
        wait_for("the copy is complete", lambda: len(list(complete.iterdir())) == 2, seconds=120)
        copy = next(path for path in complete.iterdir() if path.suffix == "")
        yield {"datashim": folder / key, "ext4": copy}


def run(report: Report, s3: Minio, scenario: str, programs: dict[str, str], rounds: int) -> None:
    s3.put_large("warm/object", SIZE)
    with warm(programs["datashim"], s3, "warm/object") as paths:
        for number in range(rounds + 1):
            rates = {name: rate(WAYS[scenario], path) for name, path in paths.items()}
            if number > 0:
                for name, value in rates.items():
                    report.add(scenario, name, gb_per_s=value)
