"""What every benchmark shares: processes, their CPU time, medians, the report.

Results are {scenario: {contender: {metric: median}}}; the unit is in the
metric's name: gb_per_s, cpu_s_per_gb, peak_rss_mib, seconds, milliseconds.
Contenders are interleaved (A B A B …) and the first round is thrown away: the
first touch of a virtual machine's memory costs more than the work itself.
"""

import collections
import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

import boto3
import botocore.config

ROOT = pathlib.Path(__file__).resolve().parents[1]
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def binary(name: str) -> str:
    return subprocess.run([ROOT / "tools/devcluster/devcluster", "bin", name],
                          check=True, capture_output=True, text=True).stdout.strip()


def cpu_seconds(pid: int) -> float:
    """User and system time of the process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def memory_mib(pid: int, field: str) -> float:
    """`field` is VmRSS (now) or VmHWM (peak)."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no {field} for process {pid}")


def wait_for(what: str, condition, seconds: float = 30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Minio:
    """An S3 server of its own on loopback, its data in memory."""

    access_key, secret_key, bucket = "bench-user", "bench-password", "bench"

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(dir="/dev/shm", prefix="datashim-bench-")
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [binary("minio"), "server", "--quiet", "--address", f"127.0.0.1:{port}", self._folder.name],
            env={**os.environ, "MINIO_ROOT_USER": self.access_key, "MINIO_ROOT_PASSWORD": self.secret_key,
                 "MINIO_BROWSER": "off"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key, region_name="us-east-1",
            config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))

        def answers() -> bool:
            with contextlib.suppress(Exception):
                self.client.list_buckets()
                return True
            return False

        wait_for("MinIO answers", answers)
        self.client.create_bucket(Bucket=self.bucket)
        # Anonymous reads, so that curl needs no signature.
        self.client.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"],
                "Resource": [f"arn:aws:s3:::{self.bucket}/*"]}]}))
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}


class Report:
    """Collects samples and writes their medians."""

    def __init__(self):
        self._samples = collections.defaultdict(list)

    def add(self, scenario: str, contender: str, **metrics: float) -> None:
        for metric, value in metrics.items():
            self._samples[scenario, contender, metric].append(value)

    def medians(self) -> dict:
        tree: dict = {}
        for (scenario, contender, metric), values in self._samples.items():
            tree.setdefault(scenario, {}).setdefault(contender, {})[metric] = round(statistics.median(values), 4)
        return tree

    def write(self, path: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.medians(), indent=2, sort_keys=True) + "\n")

    def table(self) -> str:
        lines = [f"{'scenario':<22}{'contender':<17}{'metric':<20}{'median':>12}{'min':>12}{'max':>12}"]
        for (scenario, contender, metric), values in sorted(self._samples.items()):
            lines.append(f"{scenario:<22}{contender:<17}{metric:<20}{statistics.median(values):>12.4g}"
                         f"{min(values):>12.4g}{max(values):>12.4g}")
        return "\n".join(lines)
