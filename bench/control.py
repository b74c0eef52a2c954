"""The control plane on the cluster of $KUBECONFIG: how long a Dataset takes to
be bound, what the webhook adds to a pod's admission, what the processes weigh
at rest."""

import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator

from measure import ROOT, Report, memory_mib

sys.path.insert(0, str(ROOT / "tests/e2e"))
import admissions  # noqa: E402
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


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def webhook_latency(report: Report, place: cluster.Namespace, seconds: int) -> None:
    """What the API server itself measured for our webhook while 50 pods/s with
    dataset labels were admitted, and the whole call's time for comparison."""
    server = admissions.ApiServer()
    labels = {"dataset.0.id": "data-0", "dataset.0.useas": "mount"}
    for kind, pod_labels in (("with_webhook", labels), ("without_webhook", {"app": "x"})):
        times = server.admit(place.name, pod_labels, admissions_per_s=ADMISSIONS_PER_S, seconds=seconds)
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


def processes() -> Iterator[tuple[str, int]]:
    """Name and pid of our processes; they run on this machine when the node does."""
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            arguments = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        program, command = pathlib.Path(arguments[0].decode()).name, arguments[1].decode() if len(arguments) > 1 else ""
        process = "keeper" if program == "datashim-keeper" else command if program == "datashim" else ""
        if process in ("operator", "node", "keeper"):
            yield process, int(path.name)


def resident_memory(report: Report) -> None:
    for process, pid in processes():
        report.add("rss_at_rest", process, rss_mib=memory_mib(pid, "VmRSS"))


def many_datasets(report: Report, place: cluster.Namespace, bucket: str, count: int) -> None:
    """From one `kubectl apply` of all to the last one OK, and from their deletion to the last one gone."""
    documents = [{"apiVersion": "datashim.io/v1alpha1", "kind": "Dataset",
                  "metadata": {"name": f"many-{number}", "namespace": place.name},
                  "spec": {"local": {"type": "COS", "endpoint": place.s3.endpoint_in_cluster,
                                     "bucket": f"{bucket}/{number}", "secret-name": "keys"}}}
                 for number in range(count)]

    def statuses() -> list[str]:
        return [cluster.provision(each) for each in cluster.items("datasets", place.name)]

    begin = time.monotonic()
    cluster.apply(*documents)
    applied = time.monotonic()
    cluster.wait_until(f"{count} Datasets are OK", lambda: statuses().count("OK") >= count, 600)
    ready = time.monotonic()
    peak = max(memory_mib(pid, "VmHWM") for process, pid in processes() if process == "operator")
    cluster.kubectl("delete", "datasets", "--all", "-n", place.name, "--wait=false")
    deleted = time.monotonic()
    cluster.wait_until("all are gone", lambda: not statuses(), 600)
    report.add("datasets_1000", "kubectl apply", seconds=applied - begin)
    report.add("datasets_1000", "datashim", seconds=ready - begin, peak_rss_mib=peak)
    report.add("datasets_1000", "datashim, deletion", seconds=time.monotonic() - deleted)


def run(report: Report, rounds: int) -> None:
    s3 = cluster.S3.from_environment()
    bucket = s3.make_bucket("bench")
    place = cluster.Namespace.make(s3, "bench")
    try:
        resident_memory(report)
        apply_to_bound(report, place, bucket, rounds)
        webhook_latency(report, place, seconds=10)
        many_datasets(report, place, bucket, count=1000)
    finally:
        cluster.kubectl("delete", "datasets", "--all", "-n", place.name, "--timeout=60s")
        cluster.kubectl("delete", "namespace", place.name, "--wait=false")
        s3.remove_bucket(bucket)
