"""A thin hand on the cluster and its S3 server for the end-to-end tests."""

import dataclasses
import json
import os
import subprocess
import time
import uuid

import boto3
import botocore.config
import yaml

DEMO_IMAGE = os.environ.get("DATASHIM_DEMO_IMAGE", "localhost/datashim-demo:dev")
OPERATOR_NAMESPACE = os.environ.get("DATASHIM_NAMESPACE", "dlf")


def wait_until(what: str, condition, seconds: float = 60):
    """Polls until `condition()` is true and returns its value; fails saying what was missing."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)


def kubectl(*args: str, stdin: str | None = None, check: bool = True) -> str:
    done = subprocess.run(["kubectl", *args], input=stdin, capture_output=True, text=True, timeout=120)
    if check and done.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def get(kind: str, name: str = "", namespace: str = "") -> dict | None:
    """The object, or None if it is not there; without a name the list."""
    args = ["get", kind, *([name] if name else []), "--ignore-not-found", "-o", "json"]
    args += ["-n", namespace] if namespace else ["-A"] if not name else []
    text = kubectl(*args)
    return json.loads(text) if text.strip() else None


def items(kind: str, namespace: str = "") -> list[dict]:
    return (get(kind, namespace=namespace) or {}).get("items", [])


def apply(*documents: dict, check: bool = True) -> subprocess.CompletedProcess:
    done = subprocess.run(["kubectl", "apply", "-f", "-"], capture_output=True, text=True, timeout=60,
                          input=yaml.safe_dump_all(documents))
    if check and done.returncode != 0:
        raise AssertionError(f"kubectl apply: {done.stderr.strip()}")
    return done


def condition(dataset: dict | None, kind: str) -> dict:
    conditions = (dataset or {}).get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), {})


def provision(dataset: dict | None) -> str:
    return (dataset or {}).get("status", {}).get("provision", {}).get("status", "")


@dataclasses.dataclass
class S3:
    """The cluster's S3 server, reached from the machine and from pods."""

    endpoint: str
    endpoint_in_cluster: str
    access_key: str
    secret_key: str

    @classmethod
    def from_environment(cls) -> "S3":
        return cls(*(os.environ[name] for name in
                     ("S3_ENDPOINT", "S3_ENDPOINT_IN_CLUSTER", "S3_ACCESS_KEY", "S3_SECRET_KEY")))

    @property
    def client(self):
        return boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key, region_name="us-east-1",
            config=botocore.config.Config(s3={"addressing_style": "path"}))

    def make_bucket(self, prefix: str = "e2e") -> str:
        bucket = f"{prefix}-{uuid.uuid4().hex[:10]}"
        self.client.create_bucket(Bucket=bucket)
        return bucket

    def remove_bucket(self, bucket: str) -> None:
        client = self.client
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", []):
                client.delete_object(Bucket=bucket, Key=entry["Key"])
        client.delete_bucket(Bucket=bucket)

    def read(self, bucket: str, key: str) -> bytes:
        return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def write(self, bucket: str, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=body)


@dataclasses.dataclass
class Namespace:
    """A namespace of one test, with what data owners and users put into it."""

    name: str
    s3: S3

    @classmethod
    def make(cls, s3: S3, prefix: str) -> "Namespace":
        """A fresh one that opted in, with the Secret `keys`."""
        made = cls(f"{prefix}-{uuid.uuid4().hex[:8]}", s3)
        apply({"apiVersion": "v1", "kind": "Namespace",
               "metadata": {"name": made.name, "labels": {"monitor-pods-datasets": "enabled"}}})
        made.secret()
        return made

    def secret(self, name: str = "keys", access_key: str = "", secret_key: str = "") -> None:
        apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": self.name},
               "stringData": {"accessKeyID": access_key or self.s3.access_key,
                              "secretAccessKey": secret_key or self.s3.secret_key}})

    def dataset(self, name: str, **local: str) -> None:
        """Applies a COS Dataset; keys given as None are left out."""
        spec = {"type": "COS", "endpoint": self.s3.endpoint_in_cluster, "secret-name": "keys"}
        spec.update({key.replace("_", "-") if key != "accessKeyID" else key: value
                     for key, value in local.items()})
        apply({"apiVersion": "datashim.io/v1alpha1", "kind": "Dataset",
               "metadata": {"name": name, "namespace": self.name},
               "spec": {"local": {k: v for k, v in spec.items() if v is not None}}})

    def wait_ready(self, name: str, seconds: float = 30) -> dict:
        return wait_until(f"Dataset {self.name}/{name} is OK", lambda: (
            lambda d: d if provision(d) == "OK" else None)(get("dataset", name, self.name)), seconds)

    def pod(self, name: str, *datasets: str, useas: str = "mount", command: list[str] | None = None,
            annotations: dict[str, str] | None = None) -> dict:
        """A pod as a user writes it: two labels for each Dataset and, at most, annotations."""
        labels = {}
        for index, dataset in enumerate(datasets):
            labels |= {f"dataset.{index}.id": dataset, f"dataset.{index}.useas": useas}
        pod = {"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": name, "namespace": self.name, "labels": labels,
                            "annotations": annotations or {}},
               "spec": {"terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False,
                        "containers": [{"name": "main", "image": DEMO_IMAGE, "imagePullPolicy": "IfNotPresent",
                                        "command": command or ["sleep", "infinity"]}]}}
        apply(pod)
        return pod

    def wait_running(self, name: str, seconds: float = 90) -> None:
        def running() -> bool:
            pod = get("pod", name, self.name) or {}
            statuses = pod.get("status", {}).get("containerStatuses", [])
            return bool(statuses) and all(s.get("ready") for s in statuses)
        try:
            wait_until(f"pod {self.name}/{name} runs", running, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{kubectl('describe', 'pod', name, '-n', self.name, check=False)}") from None

    def sh(self, pod: str, script: str, check: bool = True) -> subprocess.CompletedProcess:
        done = subprocess.run(["kubectl", "exec", "-n", self.name, pod, "--", "sh", "-c", script],
                              capture_output=True, text=True, timeout=120)
        if check and done.returncode != 0:
            raise AssertionError(f"in {pod}: {script}: {done.stdout}{done.stderr}")
        return done

    def events(self, dataset: str) -> list[dict]:
        return [e for e in items("events", self.name) if e["involvedObject"]["kind"] == "Dataset"
                and e["involvedObject"]["name"] == dataset]
