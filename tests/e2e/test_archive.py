"""ARCHIVE Datasets in a real cluster: the Job runs, pods see its files, and nothing stays."""

import io
import json
import tarfile

import pytest

import cluster
from cluster import apply, condition, get, items, kubectl, wait_until


@pytest.fixture(scope="module", autouse=True)
def place_for_archives(s3):
    """The administrator's Secret; one that is there already stays as it is."""
    if get("secret", "minio-conf", cluster.OPERATOR_NAMESPACE) is None:
        apply({"apiVersion": "v1", "kind": "Secret",
               "metadata": {"name": "minio-conf", "namespace": cluster.OPERATOR_NAMESPACE},
               "stringData": {"ENDPOINT": s3.endpoint_in_cluster, "AWS_ACCESS_KEY_ID": s3.access_key,
                              "AWS_SECRET_ACCESS_KEY": s3.secret_key}})


def tar_gz(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def archive(namespace, name: str, url: str, **local: str) -> None:
    apply({"apiVersion": "datashim.io/v1alpha1", "kind": "Dataset",
           "metadata": {"name": name, "namespace": namespace.name},
           "spec": {"type": "ARCHIVE", "url": url, "extract": "true", "format": "application/x-tar",
                    **({"local": {k.replace("_", "-"): v for k, v in local.items()}} if local else {})}})


def workers(name: str, namespace) -> list[dict]:
    claim = get("pvc", name, namespace.name)
    uid = claim["metadata"]["uid"] if claim else "none"
    return [job for job in items("jobs", cluster.OPERATOR_NAMESPACE)
            if job["metadata"].get("labels", {}).get("datashim.io/unpack-for") == uid]


def test_an_archive_from_a_bucket_is_files_in_a_pod_and_goes_with_the_dataset(namespace, s3, bucket):
    files = {"dir/one": b"1", "big": bytes(range(256)) * 100_000}
    s3.write(bucket, "in/a.tar.gz", tar_gz(files))
    archive(namespace, "data", f"s3://{bucket}/in/a.tar.gz", source_endpoint=s3.endpoint_in_cluster,
            source_secret_name="keys")
    namespace.pod("reader", "data")  # Waits for the files.
    namespace.wait_ready("data", 120)
    namespace.wait_running("reader")
    assert namespace.sh("reader", "cat /mnt/datasets/data/dir/one").stdout == "1"
    assert namespace.sh("reader", "wc -c < /mnt/datasets/data/big").stdout.strip() == str(len(files["big"]))
    refused = namespace.sh("reader", "echo x > /mnt/datasets/data/new", check=False)
    assert refused.returncode != 0 and "Read-only file system" in refused.stderr
    wait_until("the worker is gone", lambda: workers("data", namespace) == [], 60)
    made = get("dataset", "data", namespace.name)["metadata"]["uid"]
    kubectl("delete", "pod", "reader", "-n", namespace.name)
    kubectl("delete", "dataset", "data", "-n", namespace.name, "--timeout=60s")
    assert made not in [b["Name"] for b in s3.client.list_buckets()["Buckets"]]


def test_an_archive_from_a_web_server(namespace, s3, bucket):
    s3.write(bucket, "a.tar.gz", tar_gz({"readme": b"hello"}))
    s3.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]},
                                                "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{bucket}/*"]}]}))
    archive(namespace, "data", f"{s3.endpoint_in_cluster}/{bucket}/a.tar.gz")
    namespace.wait_ready("data", 120)
    namespace.pod("reader", "data")
    namespace.wait_running("reader")
    assert namespace.sh("reader", "cat /mnt/datasets/data/readme").stdout == "hello"


def test_a_hostile_archive_is_refused_and_the_entry_is_named(namespace, s3, bucket):
    s3.write(bucket, "bad.tar.gz", tar_gz({"../escape": b"x"}))
    archive(namespace, "bad", f"s3://{bucket}/bad.tar.gz", source_endpoint=s3.endpoint_in_cluster,
            source_secret_name="keys")
    wait_until("the reason is told", lambda: condition(
        get("dataset", "bad", namespace.name), "Ready").get("reason") == "UnpackFailed", 120)
    assert '"../escape"' in condition(get("dataset", "bad", namespace.name), "Ready")["message"]
    kubectl("delete", "dataset", "bad", "-n", namespace.name, "--timeout=60s")
