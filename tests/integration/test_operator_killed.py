"""The operator as a process over a real API server: killed after any of its writes, and without its server."""

import json
import pathlib
import threading
import time

import boto3
import botocore.exceptions
import pytest
import yaml

import apiserver as apiserver_module
import s3server
from apiserver import ApiServer
from kube_proxy import ApiProxy
from programs import ROOT, Process, program

BINARY = str(ROOT / "build/dev/src/datashim")
NAMESPACE, OPERATOR_NAMESPACE = "killed", "dlf"
PATIENCE_SECONDS = 30
# More writes than making or deleting one Dataset takes.
WRITES_MAX = 60


def wait_until(what: str, condition, shown=lambda: ""):
    """Polls until it is true; `shown` says more when it does not become so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not so: {what} {shown()}"
        time.sleep(0.02)


class Operator:
    """`datashim operator`, which speaks to the API server through the proxy."""

    def __init__(self, folder: pathlib.Path, server: ApiServer, proxy: ApiProxy):
        self._folder, self._starts = folder, 0
        kubeconfig = yaml.safe_load(server.kubeconfig.read_text())
        kubeconfig["clusters"][0]["cluster"] = {"server": proxy.url}
        self._kubeconfig = folder / "operator.kubeconfig"
        self._kubeconfig.write_text(yaml.safe_dump(kubeconfig))
        self.start()

    def start(self) -> None:
        self._starts += 1
        self.process = Process(
            self._folder, BINARY, "operator", "--kubeconfig", str(self._kubeconfig),
            "--namespace", OPERATOR_NAMESPACE, "--leader-election=false", "--webhook-port=0",
            "--health-port=0", name=f"operator-{self._starts}")

    def kill(self) -> None:
        self.process.popen.kill()
        self.process.popen.wait()

    def log(self) -> str:
        """Of all its processes, the end."""
        return "\n".join(path.read_text()[-3000:] for path in sorted(self._folder.glob("operator-*.log"))[-3:])

    def has_died(self) -> bool:
        return self.process.popen.poll() is not None


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """An API server of its own, where nothing else writes, with the CRDs, the StorageClass, and the
    controllers that bind claims."""
    folder = tmp_path_factory.mktemp("cluster")
    apiserver, processes = apiserver_module.start(folder)
    apiserver.kubectl("apply", "--server-side", "-f", str(ROOT / "api/crds"))
    apiserver.kubectl("wait", "--for=condition=Established", "crd/datasets.datashim.io", "--timeout=30s")
    apiserver.apply(
        *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
          for name in (NAMESPACE, OPERATOR_NAMESPACE)),
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "csi-s3"},
         "provisioner": "csi.datashim.io"},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": NAMESPACE},
         "stringData": {"accessKeyID": s3server.ACCESS_KEY, "secretAccessKey": s3server.SECRET_KEY}})
    processes.append(Process(
        folder, program("kube-controller-manager"), "--kubeconfig", str(apiserver.kubeconfig),
        "--authentication-kubeconfig", str(apiserver.kubeconfig),
        "--authorization-kubeconfig", str(apiserver.kubeconfig), "--secure-port=0", "--leader-elect=false",
        "--controllers=persistentvolume-binder-controller,persistentvolumeclaim-protection-controller,"
        "persistentvolume-protection-controller,garbage-collector-controller"))
    yield apiserver
    for process in reversed(processes):
        process.stop()


@pytest.fixture
def proxy(cluster):
    made = ApiProxy(cluster.url)
    yield made
    made.close()


@pytest.fixture
def operator(cluster, proxy, tmp_path):
    made = Operator(tmp_path, cluster, proxy)
    yield made
    made.kill()


def dataset(name: str, endpoint: str) -> dict:
    return {"apiVersion": "datashim.io/v1alpha1", "kind": "Dataset",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"local": {"type": "COS", "endpoint": endpoint, "bucket": f"bucket-{name}",
                               "secret-name": "keys", "provision": "true", "remove-on-delete": "true"}}}


def is_ready(cluster: ApiServer, name: str) -> bool:
    status = json.loads(cluster.kubectl("get", "dataset", name, "-n", NAMESPACE, "-o", "json").stdout).get("status", {})
    return status.get("provision", {}).get("status") == "OK"


def what_is_left(cluster: ApiServer) -> list[str]:
    """Objects of Datasets: in their namespace, of the cluster, and the operator's own copies of keys."""
    def names(kinds: str, namespace: str) -> list[str]:
        return cluster.kubectl("get", kinds, "-n", namespace, "-o", "name").stdout.split()

    left = names("datasets,datasetsinternal,persistentvolumeclaims,persistentvolumes,configmaps,secrets", NAMESPACE)
    left += [name for name in names("secrets", OPERATOR_NAMESPACE) if name.startswith("secret/vol-")]
    return [name for name in left if name != "secret/keys"]


def is_known_as_made(buckets, bucket: str) -> bool:
    """Whether the bucket is there and says for whom it was made. One that a kill has hit between its making
    and its tag stays: it could be anybody's."""
    try:
        buckets.get_bucket_tagging(Bucket=bucket)
        return True
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] in ("NoSuchBucket", "NoSuchTagSet"), error
        return False


class Assassin:
    """Kills the operator when the API server has answered its nth write and it does not know yet."""

    def __init__(self, proxy: ApiProxy, operator: Operator):
        self._operator, self._lock, self._left, self.writes = operator, threading.Lock(), 0, []
        proxy.after_write = self._after_write

    def arm(self, writes: int) -> None:
        with self._lock:
            self._left, self.writes = writes, []

    def _after_write(self, method: str, path: str) -> None:
        with self._lock:
            self.writes.append(f"{method} {path}")
            self._left -= 1
            if self._left == 0:
                self._operator.kill()

    def step(self, what: str, is_done, shown) -> bool:
        """Waits until it is done, over the death of the operator. @return whether it died."""
        wait_until(what, lambda: self._operator.has_died() or is_done(), shown)
        if not self._operator.has_died():
            self.arm(0)
            return False
        self._operator.start()
        wait_until(f"{what}, after a kill at {self.writes}", is_done,
                   lambda: f"{shown()} {self._operator.process.log.read_text()[-2000:]}")
        return True


def test_a_kill_after_any_write_loses_and_leaves_nothing(cluster, proxy, operator, s3_url):
    assassin = Assassin(proxy, operator)
    buckets = boto3.client("s3", endpoint_url=s3_url, region_name="us-east-1",
                           aws_access_key_id=s3server.ACCESS_KEY, aws_secret_access_key=s3server.SECRET_KEY)
    deaths = 0
    for writes in range(1, WRITES_MAX + 1):
        name = f"data-{writes}"
        assassin.arm(writes)
        cluster.apply(dataset(name, s3_url))
        died_making = assassin.step(f"{name} is ready", lambda: is_ready(cluster, name),
                                    lambda: cluster.get("dataset", name, NAMESPACE).get("status"))
        claim = cluster.get("persistentvolumeclaim", name, NAMESPACE)
        assert claim["status"]["phase"] == "Bound"
        assert cluster.get("configmap", name, NAMESPACE)["data"]["bucket"] == f"bucket-{name}"
        buckets.head_bucket(Bucket=f"bucket-{name}")

        making = assassin.writes
        assassin.arm(writes)
        cluster.kubectl("delete", "dataset", name, "-n", NAMESPACE, "--wait=false")
        deleting = assassin.writes
        died_deleting = assassin.step(f"{name} is gone", lambda: not what_is_left(cluster),
                                      lambda: what_is_left(cluster))
        assert not is_known_as_made(buckets, f"bucket-{name}"), \
            f"killed at {making}, {deleting}\n{operator.log()}"
        deaths += died_making + died_deleting
        if not died_making and not died_deleting:
            break
    else:
        pytest.fail(f"more than {WRITES_MAX} writes for one Dataset: {assassin.writes}")
    assert deaths >= 10, "a Dataset takes more writes than were seen"


def test_an_outage_of_the_api_server_loses_nothing(cluster, operator, proxy, s3_url):
    cluster.apply(dataset("before", s3_url))
    wait_until("before is ready", lambda: is_ready(cluster, "before"))
    with proxy.outage():
        cluster.apply(dataset("during", s3_url))
        cluster.kubectl("delete", "dataset", "before", "-n", NAMESPACE, "--wait=false")
        assert proxy.refused.wait(PATIENCE_SECONDS)
        assert not operator.has_died()
    wait_until("during is ready", lambda: is_ready(cluster, "during"))
    wait_until("before is gone", lambda: "dataset.datashim.io/before" not in what_is_left(cluster))
    cluster.kubectl("delete", "dataset", "during", "-n", NAMESPACE, "--wait=false")
    wait_until("nothing is left", lambda: not what_is_left(cluster))
    assert not operator.has_died()
