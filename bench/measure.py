"""What every benchmark shares: processes, their CPU time, medians, the report.

Results are {scenario: {contender: {metric: median}}}; the unit is in the
metric's name: gb_per_s, cpu_s_per_gb, peak_rss_mib, files_per_s, seconds.
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
UPLOAD_PART = 64 << 20
CURL_CONNECTIONS = 16


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


def wait_for(what: str, condition, seconds: float = 30, every: float = 0.02):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(every)


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
        # Anonymous use, so that curl needs no signature.
        self.client.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": [f"arn:aws:s3:::{self.bucket}/*"]}]}))
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    @contextlib.contextmanager
    def at(self, endpoint: str):
        """Clients go through another address meanwhile."""
        direct, self.endpoint = self.endpoint, endpoint
        try:
            yield
        finally:
            self.endpoint = direct

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**clean, "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
                "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}

    def put_large(self, key: str, size: int) -> None:
        """Random bytes, uploaded in parts without holding them all."""
        where = {"Bucket": self.bucket, "Key": key}
        upload = self.client.create_multipart_upload(**where)["UploadId"]
        parts = []
        for number in range(1, size // UPLOAD_PART + 1):
            answer = self.client.upload_part(**where, UploadId=upload, PartNumber=number,
                                             Body=os.urandom(UPLOAD_PART))
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self.client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})

    def put_many(self, keys: list[str], size: int) -> None:
        """Many objects with the same bytes, by one curl: several thousand a second."""
        with tempfile.NamedTemporaryFile() as body:
            body.write(os.urandom(size))
            body.flush()
            config = "next\n".join(
                f'url = "{self.endpoint}/{self.bucket}/{key}"\nupload-file = "{body.name}"\noutput = /dev/null\n'
                for key in keys)
            run_curl(config)


def run_curl(config: str) -> None:
    """One curl process with 16 connections."""
    subprocess.run(["curl", "-sS", "--no-progress-meter", "--fail", "--parallel", "--parallel-max",
                    str(CURL_CONNECTIONS), "-K", "-"], input=config, text=True, check=True)


# What a scenario is judged by; of the rest less is better, too.
MAIN_METRICS = ("gb_per_s", "reads_per_s", "files_per_s", "entries_per_s", "seconds")


class Report:
    """Collects samples, round by round, and writes their medians."""

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

    def ratio(self, scenario: str, contender: str, metric: str) -> float | None:
        """How many times as good datashim was, as the median of the rounds."""
        ours = self._samples.get((scenario, "datashim", metric))
        theirs = self._samples.get((scenario, contender, metric))
        if not ours or not theirs or contender == "datashim":
            return None
        pairs = [(b, a) if metric == "seconds" else (a, b) for a, b in zip(ours, theirs)]
        return statistics.median(a / b for a, b in pairs if b > 0)

    def table(self) -> str:
        lines = [f"{'scenario':<16}{'contender':<15}{'metric':<16}{'median':>10}{'min':>10}{'max':>10}  datashim to it"]
        for (scenario, contender, metric), values in sorted(self._samples.items()):
            ratio = self.ratio(scenario, contender, metric) if metric in MAIN_METRICS else None
            lines.append(f"{scenario:<16}{contender:<15}{metric:<16}{statistics.median(values):>10.4g}"
                         f"{min(values):>10.4g}{max(values):>10.4g}" + (f"  {ratio:.2f}" if ratio else ""))
        return "\n".join(lines)
