"""The use case the product is for: one Deployment, two namespaces, two buckets."""

import hashlib
import json
import os
import pathlib
import string

import pytest

import cluster

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples/quickstart"
NAMESPACES = ("staging", "production")


def rendered(name: str, namespace: str) -> str:
    text = string.Template((EXAMPLES / name).read_text())
    return text.safe_substitute({**os.environ, "NAMESPACE": namespace})


@pytest.fixture(scope="module")
def deployed(s3):
    for namespace in NAMESPACES:
        cluster.kubectl("apply", "-f", "-", stdin=rendered("data-owner.yaml", namespace))
        cluster.Namespace(namespace, s3).wait_ready("model-weights")
        cluster.kubectl("apply", "-n", namespace, "-f", str(EXAMPLES / "copy-model.yaml"))
    for namespace in NAMESPACES:
        cluster.kubectl("wait", "-n", namespace, "--for=condition=complete", "job/copy-model", "--timeout=110s")
        cluster.kubectl("apply", "-n", namespace, "-f", str(EXAMPLES / "inference.yaml"))
    for namespace in NAMESPACES:
        cluster.kubectl("rollout", "status", "-n", namespace, "deployment/inference", "--timeout=110s")
    yield s3
    for namespace in NAMESPACES:
        cluster.kubectl("delete", "-n", namespace, "--ignore-not-found", "--wait=false",
                        "deployment/inference", "job/copy-model")
        cluster.kubectl("delete", "-n", namespace, "dataset/model-weights", "--timeout=90s")
        cluster.kubectl("delete", "namespace", namespace, "--timeout=60s")
        s3.remove_bucket(f"models-{namespace}")


def serving_pod(namespace: str) -> str:
    pods = [p for p in cluster.items("pods", namespace) if p["metadata"]["labels"].get("app") == "inference"]
    return pods[0]["metadata"]["name"]


def answer(namespace: str) -> dict:
    path = f"/api/v1/namespaces/{namespace}/pods/{serving_pod(namespace)}:8000/proxy/"
    return json.loads(cluster.kubectl("get", "--raw", path))


def test_the_same_deployment_serves_two_models(deployed):
    answers = {namespace: answer(namespace) for namespace in NAMESPACES}
    for namespace in NAMESPACES:
        assert answers[namespace]["model"] == f"llama-{namespace}"
        assert answers[namespace]["bytes"] >= 256 << 20
    assert answers["staging"]["sum"] != answers["production"]["sum"]


def test_what_the_user_wrote_names_no_place_and_no_key(deployed):
    template = cluster.get("deployment", "inference", "staging")["spec"]["template"]
    text = json.dumps(template)
    for secret in (deployed.endpoint_in_cluster, deployed.access_key, deployed.secret_key, "models-staging"):
        assert secret not in text
    assert not template["spec"].get("volumes")
    assert not template["spec"]["containers"][0].get("volumeMounts")


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_files_in_the_pod_are_the_objects_byte_for_byte(deployed, namespace):
    bucket = f"models-{namespace}"
    listing = deployed.client.list_objects_v2(Bucket=bucket, Prefix="my-model/")["Contents"]
    keys = sorted(entry["Key"] for entry in listing if not entry["Key"].endswith("/"))
    assert len(keys) == 6, keys
    sums = cluster.Namespace(namespace, deployed).sh(
        serving_pod(namespace), "cd /mnt/datasets/model-weights && find . -type f | sort | xargs sha256sum").stdout
    seen = {line.split(maxsplit=1)[1].removeprefix("./"): line.split()[0] for line in sums.splitlines()}
    assert sorted(seen) == keys
    for key in keys:
        assert seen[key] == hashlib.sha256(deployed.read(bucket, key)).hexdigest(), key
