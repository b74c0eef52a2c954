"""Reads through fresh mounts, by `datashim bench DIR`, which is the same reader
for every contender; and the same work as plain GETs (raw) and by curl."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

from contenders import mounted
from measure import ROOT, Minio, Report, cpu_seconds, memory_mib, run_curl

sys.path.insert(0, str(ROOT / "tests/integration/posix"))
import proxy  # noqa: E402  the same that the tests of faults use

PART = 8 << 20
GIB = 1 << 30
# scenario: (what `datashim bench` calls it, how to make its objects)
SCENARIOS: dict[str, tuple[str, Callable[[Minio, str], None]]] = {
    "cold_seq": ("cold_seq", lambda s3, at: s3.put_large(f"{at}/object", GIB)),
    "cold_mmap": ("cold_mmap", lambda s3, at: s3.put_large(f"{at}/object", GIB)),
    "cold_4_readers": ("cold_4_readers", lambda s3, at: [s3.put_large(f"{at}/{i}", GIB // 2) for i in range(4)]),
    "rand_256k": ("rand_256k", lambda s3, at: s3.put_large(f"{at}/object", GIB)),
    "small_files": ("small_files", lambda s3, at: s3.put_many([f"{at}/{i:05}" for i in range(2000)], 16 << 10)),
    "find_20k": ("find", lambda s3, at: s3.put_many(tree(at, 100, 200), 1)),
    "find_100k": ("find", lambda s3, at: s3.put_many(tree(at, 100, 1000), 1)),
}
# Contenders that would take minutes.
TOO_SLOW = {("find_100k", "s3fs"), ("find_20k", "s3fs")}
LATENCY_MS = 20
SHAPED_MB_PER_S = 150


def tree(at: str, directories: int, files: int) -> list[str]:
    return [f"{at}/d{i:03}/f{j:05}" for i in range(directories) for j in range(files)]


def bench(program: str, s3: Minio, source: str, scenario: str, *options: str) -> dict[str, float]:
    out = subprocess.run([program, "bench", source, "--scenario", scenario, "--rounds", "1", "--json",
                          "--random-seconds", "5", *options],
                         env=s3.environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    (figures,) = json.loads(out.stdout)[scenario].values()
    return figures


def through_mount(name: str, program: str, datashim: str, s3: Minio, scenario: str) -> dict[str, float]:
    kind, _ = SCENARIOS[scenario]
    with mounted(name, program, s3) as (folder, pid):
        before = cpu_seconds(pid)
        figures = bench(datashim, s3, str(folder / scenario), kind)
        cpu = cpu_seconds(pid) - before
        if size := bytes_of(scenario, figures):
            figures["cpu_s_per_gb"] = cpu / (size / 1e9)
        figures["peak_rss_mib"] = memory_mib(pid, "VmHWM")
        return figures


def bytes_of(scenario: str, figures: dict[str, float]) -> float:
    """What was read in one run; 0 where bytes are not what counts."""
    sizes = {"cold_seq": GIB, "cold_mmap": GIB, "cold_4_readers": 2 * GIB, "small_files": 2000 * (16 << 10)}
    if scenario == "rand_256k":
        return figures["gb_per_s"] * 1e9 * 5
    return sizes.get(scenario, 0)


def raw(datashim: str, s3: Minio, scenario: str) -> dict[str, float]:
    kind, _ = SCENARIOS[scenario]
    return bench(datashim, s3, f"s3://{s3.bucket}/{scenario}", kind, "--contender", "raw",
                 "--endpoint-url", s3.endpoint)


def curl(s3: Minio, key: str, size: int) -> dict[str, float]:
    """One curl process, 16 connections, 8 MiB ranges, bytes thrown away."""
    config = "next\n".join(
        f'url = "{s3.endpoint}/{s3.bucket}/{key}"\nrange = {begin}-{min(begin + PART, size) - 1}\n'
        f'output = /dev/null\n' for begin in range(0, size, PART))
    before = os.times()
    begin = time.monotonic()
    run_curl(config)
    seconds = time.monotonic() - begin
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"gb_per_s": size / 1e9 / seconds, "cpu_s_per_gb": cpu / (size / 1e9)}


def attempt(programs: dict[str, str], measure) -> dict[str, dict[str, float]]:
    """One turn of all contenders. A peer that fails is told, and has no figures."""
    results = {}
    for name, program in list(programs.items()):
        try:
            results[name] = measure(name, program)
        except (OSError, RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
            if name == "datashim":
                raise
            print(f"  {name} failed: {error}", flush=True)
            del programs[name]
    return results


def run(report: Report, s3: Minio, scenario: str, programs: dict[str, str], rounds: int) -> None:
    SCENARIOS[scenario][1](s3, scenario)
    datashim = programs["datashim"]
    programs = {name: program for name, program in programs.items() if (scenario, name) not in TOO_SLOW}
    for number in range(rounds + 1):
        results = attempt(programs, lambda name, program: through_mount(name, program, datashim, s3, scenario))
        results["raw"] = raw(datashim, s3, scenario)
        if scenario == "cold_seq":
            results["curl"] = curl(s3, "cold_seq/object", GIB)
        if number == 0:
            continue  # first touch of memory
        for contender, figures in results.items():
            report.add(scenario, contender, **figures)


def first_byte(report: Report, s3: Minio, programs: dict[str, str], rounds: int) -> None:
    """From the start of the mount to the bytes of a file of 4 KiB, 20 ms from the server."""
    s3.put_many(["first_byte"], 4096)
    with proxy.Proxy(s3.endpoint, latency_ms=LATENCY_MS) as far, s3.at(far.url):
        for number in range(rounds + 1):
            results = attempt(programs, lambda name, program: one_first_byte(name, program, s3))
            if number > 0:
                for name, figures in results.items():
                    report.add("first_byte", name, **figures)


def one_first_byte(name: str, program: str, s3: Minio) -> dict[str, float]:
    begin = time.monotonic()
    with mounted(name, program, s3) as (folder, _):
        if len((folder / "first_byte").read_bytes()) != 4096:
            raise RuntimeError(f"{name} read another size")
        return {"seconds": time.monotonic() - begin}


def shaped(report: Report, s3: Minio, programs: dict[str, str], rounds: int) -> None:
    """cold_seq with 20 ms to the server, which sends 150 MB/s."""
    s3.put_large("cold_seq/object", GIB)
    with proxy.Proxy(s3.endpoint, latency_ms=LATENCY_MS, mb_per_s=SHAPED_MB_PER_S) as far, s3.at(far.url):
        for _ in range(rounds):
            datashim = programs["datashim"]
            results = attempt(programs, lambda name, program: through_mount(name, program, datashim, s3, "cold_seq"))
            for name, figures in results.items():
                report.add("cold_seq_far", name, **figures)
            report.add("cold_seq_far", "link", gb_per_s=SHAPED_MB_PER_S / 1000)


