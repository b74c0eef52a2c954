"""The control plane on the cluster of $KUBECONFIG: how long a Dataset takes to
be bound, what the webhook adds to a pod's admission, what the processes weigh
at rest."""

import base64
import concurrent.futures
import json
import os
import pathlib
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

from measure import ROOT, Report, memory_mib

sys.path.insert(0, str(ROOT / "tests/e2e"))
import cluster  # noqa: E402  the same hands as the end-to-end tests

ADMISSIONS_PER_S = 50


def apply_to_bound(report: Report, place: cluster.Namespace, bucket: str, rounds: int) -> None:
    """From the end of `kubectl apply` to the claim's phase Bound, by a watch."""
    for number in range(rounds):
        name = f"data-{number}"
        watch = subprocess.Popen(
            ["kubectl", "get", "pvc", "-n", place.name, "--watch", "-o",
             'jsonpath={.metadata.name} {.status.phase}{"\\n"}'], stdout=subprocess.PIPE, text=True)
        place.dataset(name, bucket=bucket)
        begin = time.monotonic()
        for line in watch.stdout:
            if line.split() == [name, "Bound"]:
                break
        report.add("dataset_bound", "datashim", seconds=time.monotonic() - begin)
        watch.kill()
        watch.wait()


class ApiServer:
    """Admissions as dry-run creations, over kept connections, with the admin's certificate."""

    def __init__(self):
        config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        self.server = config["clusters"][0]["cluster"]["server"]
        folder = pathlib.Path(os.environ["KUBECONFIG"]).parent
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE  # the development cluster's own CA
        user = config["users"][0]["user"]
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            for field, file in (("client-certificate-data", "crt"), ("client-key-data", "key")):
                pathlib.Path(scratch, file).write_bytes(base64.b64decode(user[field]))
            self.context.load_cert_chain(f"{scratch}/crt", f"{scratch}/key")

    def create_pod_dry_run(self, place: str, labels: dict[str, str]) -> float:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "bench-", "labels": labels},
               "spec": {"containers": [{"name": "main", "image": cluster.DEMO_IMAGE}]}}
        request = urllib.request.Request(
            f"{self.server}/api/v1/namespaces/{place}/pods?dryRun=All", method="POST",
            data=json.dumps(pod).encode(), headers={"Content-Type": "application/json"})
        begin = time.monotonic()
        with urllib.request.urlopen(request, context=self.context) as answer:
            answer.read()
        return (time.monotonic() - begin) * 1000


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def webhook_latency(report: Report, place: cluster.Namespace, seconds: int) -> None:
    """What the API server itself measured for our webhook while 50 pods/s with
    dataset labels were admitted, and the whole call's time for comparison."""
    server = ApiServer()
    labels = {"dataset.0.id": "data-0", "dataset.0.useas": "mount"}
    for kind, pod_labels in (("with_webhook", labels), ("without_webhook", {"app": "x"})):
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            futures = []
            for number in range(ADMISSIONS_PER_S * seconds):
                time.sleep(max(0.0, begin + number / ADMISSIONS_PER_S - time.monotonic()))
                futures.append(pool.submit(server.create_pod_dry_run, place.name, pod_labels))
            times = [future.result() for future in futures]
        report.add("admission", kind, p50_milliseconds=percentile(times, 0.5), p99_milliseconds=percentile(times, 0.99))
    for share, value in webhook_histogram().items():
        report.add("admission", "webhook_alone", **{f"{share}_milliseconds": value})


def webhook_histogram() -> dict[str, float]:
    """Upper bounds of p50 and p99 out of apiserver_admission_webhook_admission_duration_seconds."""
    buckets: dict[float, float] = {}
    for line in cluster.kubectl("get", "--raw", "/metrics").splitlines():
        if line.startswith("apiserver_admission_webhook_admission_duration_seconds_bucket") and "mpod.datashim.io" in line:
            bound = line.split('le="')[1].split('"')[0]
            key = float("inf") if bound == "+Inf" else float(bound)
            buckets[key] = buckets.get(key, 0) + float(line.rsplit(" ", 1)[1])
    total = buckets.get(float("inf"), 0)
    return {name: min(b for b, n in buckets.items() if n >= share * total) * 1000
            for name, share in (("p50", 0.5), ("p99", 0.99))} if total else {}


def resident_memory(report: Report) -> None:
    """RSS of our processes; they run on this machine when the node does."""
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            arguments = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        program, command = pathlib.Path(arguments[0].decode()).name, arguments[1].decode() if len(arguments) > 1 else ""
        process = "keeper" if program == "datashim-keeper" else command if program == "datashim" else ""
        if process in ("operator", "node", "keeper"):
            report.add("rss_at_rest", process, rss_mib=memory_mib(int(path.name), "VmRSS"))


def run(report: Report, rounds: int) -> None:
    s3 = cluster.S3.from_environment()
    bucket = s3.make_bucket("bench")
    place = cluster.Namespace.make(s3, "bench")
    try:
        resident_memory(report)
        apply_to_bound(report, place, bucket, rounds)
        webhook_latency(report, place, seconds=10)
    finally:
        cluster.kubectl("delete", "datasets", "--all", "-n", place.name, "--timeout=60s")
        cluster.kubectl("delete", "namespace", place.name, "--wait=false")
        s3.remove_bucket(bucket)
