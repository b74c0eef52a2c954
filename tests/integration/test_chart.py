"""The chart in a real API server: install, upgrade, rights, uninstall."""

import base64
import json
import os
import subprocess

import pytest

from apiserver import ApiServer
from programs import ROOT, program

CHART = str(ROOT / "deploy/helm/datashim")
ACCOUNT = "system:serviceaccount:dlf:dataset-operator"


def helm(server: ApiServer, *args: str) -> str:
    done = subprocess.run([program("helm"), *args], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "KUBECONFIG": str(server.kubeconfig)})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def server(apiserver):
    yield apiserver
    helm(apiserver, "uninstall", "datashim", "--namespace", "dlf", "--ignore-not-found")


@pytest.fixture
def installed(server):
    """The chart with default values, whatever the test before has left."""
    helm(server, "upgrade", "--install", "datashim", CHART, "--namespace", "dlf", "--create-namespace")
    return server


def webhook(server: ApiServer) -> dict:
    return server.get("mutatingwebhookconfiguration", "dlf-mutating-webhook-cfg")["webhooks"][0]


def test_an_upgrade_keeps_what_the_operator_wrote(installed):
    authority = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", "/dev/null", "-subj", "/CN=test"], check=True, capture_output=True).stdout
    bundle = base64.b64encode(authority).decode()
    installed.kubectl("patch", "mutatingwebhookconfiguration", "dlf-mutating-webhook-cfg", "--type=json", "-p",
                      json.dumps([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]))
    helm(installed, "upgrade", "datashim", CHART, "--namespace", "dlf", "--set", "webhook.timeoutSeconds=7")
    assert webhook(installed)["timeoutSeconds"] == 7
    assert webhook(installed)["clientConfig"]["caBundle"] == bundle
    helm(installed, "rollback", "datashim", "--namespace", "dlf")
    assert webhook(installed)["timeoutSeconds"] == 10
    assert webhook(installed)["clientConfig"]["caBundle"] == bundle


def test_identities_of_pods_are_turned_on_and_off_by_an_upgrade(installed):
    def driver() -> dict:
        return installed.get("csidriver", "csi.datashim.io")["spec"]

    before = driver()
    assert not before["podInfoOnMount"] and "tokenRequests" not in before
    helm(installed, "upgrade", "datashim", CHART, "--namespace", "dlf", "--set", "iam.webIdentityAudience=sts.amazonaws.com")
    assert driver()["podInfoOnMount"]
    assert driver()["tokenRequests"] == [{"audience": "sts.amazonaws.com"}]
    helm(installed, "rollback", "datashim", "--namespace", "dlf")
    assert driver() == before


def test_uninstalling_leaves_the_datasets(installed):
    installed.apply({"apiVersion": "datashim.io/v1alpha1", "kind": "Dataset",
                     "metadata": {"name": "survivor", "namespace": "default"},
                     "spec": {"local": {"type": "COS", "secret-name": "s", "endpoint": "http://x", "bucket": "data"}}})
    helm(installed, "uninstall", "datashim", "--namespace", "dlf")
    assert installed.get("dataset", "survivor")["spec"]["local"]["bucket"] == "data"
    gone = installed.kubectl("get", "mutatingwebhookconfiguration", "dlf-mutating-webhook-cfg", check=False)
    assert gone.returncode != 0


def test_pods_without_our_labels_or_namespace_label_do_not_wait_for_us(installed):
    """No operator runs here, so every pod that reaches the webhook is refused."""
    installed.apply({"apiVersion": "v1", "kind": "Namespace",
                     "metadata": {"name": "opted-in", "labels": {"monitor-pods-datasets": "enabled"}}})

    def create(namespace: str, labels: dict) -> subprocess.CompletedProcess:
        return installed.kubectl("create", "--dry-run=server", "-f", "-", check=False, stdin=json.dumps({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"generateName": "p-", "namespace": namespace, "labels": labels},
            "spec": {"containers": [{"name": "c", "image": "i"}]}}))

    ours = {"dataset.0.id": "a", "dataset.0.useas": "mount"}
    assert create("default", ours).returncode == 0
    assert create("opted-in", {}).returncode == 0
    assert create("opted-in", {"app": "x", "datasets": "y"}).returncode == 0
    # The configuration takes a moment to be loaded by the API server.
    for _ in range(100):
        refused = create("opted-in", ours)
        if refused.returncode != 0:
            break
    assert "mpod.datashim.io" in refused.stderr, refused.stderr


# verb, resource, namespace (empty: all), allowed
RIGHTS = [
    ("get", "datasets.datashim.io", "", True),
    ("watch", "datasets.datashim.io", "", True),
    ("patch", "datasets.datashim.io", "", True),
    ("delete", "datasets.datashim.io", "", False),
    ("create", "datasets.datashim.io", "", False),
    ("update", "datasets.datashim.io/status", "", True),
    ("create", "persistentvolumeclaims", "", True),
    ("update", "configmaps", "", True),
    ("create", "persistentvolumes", "", True),
    ("update", "persistentvolumes", "", False),
    ("get", "secrets", "default", True),
    ("create", "secrets", "default", True),
    ("list", "secrets", "default", False),
    ("watch", "secrets", "", False),
    ("patch", "secrets", "default", False),
    ("list", "secrets", "dlf", True),
    ("patch", "secrets", "dlf", True),
    ("update", "leases.coordination.k8s.io", "dlf", True),
    ("update", "leases.coordination.k8s.io", "kube-system", False),
    ("list", "pods", "", True),
    ("create", "pods", "", False),
    ("get", "nodes", "", False),
    ("create", "events", "", True),
    ("update", "mutatingwebhookconfigurations/dlf-mutating-webhook-cfg", "", True),
    ("update", "mutatingwebhookconfigurations/other", "", False),
    ("create", "mutatingwebhookconfigurations", "", False),
    ("impersonate", "users", "", False),
]


def test_the_operator_may_do_its_work_and_no_more(installed):
    wrong = []
    for verb, resource, namespace, allowed in RIGHTS:
        where = ["-n", namespace] if namespace else ["--all-namespaces"]
        if resource.endswith("/status"):
            resource = resource.removesuffix("/status")
            where.append("--subresource=status")
        answer = installed.kubectl("auth", "can-i", verb, resource, *where, "--as", ACCOUNT, check=False)
        if answer.stdout.strip() != ("yes" if allowed else "no"):
            wrong.append(f"{verb} {resource} in '{namespace}': {answer.stdout}{answer.stderr}")
    assert not wrong, "\n".join(wrong)
