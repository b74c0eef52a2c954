#!/usr/bin/python3
"""Gives every claim of the storage tests a Secret of its name, as a user of StorageClass csi-s3 does.

Each gets a bucket of its own, made on demand. Runs until it is ended. Needs
KUBECONFIG and the S3_* variables of `make cluster-env`.
"""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import cluster  # noqa: E402

# The label that the test framework puts on its namespaces.
FRAMEWORK_LABEL = "e2e-framework"


def secret_for(claim: dict, s3: cluster.S3) -> dict:
    name, namespace = claim["metadata"]["name"], claim["metadata"]["namespace"]
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
            "stringData": {"endpoint": s3.endpoint_in_cluster, "bucket": f"claim-{claim['metadata']['uid']}",
                           "provision": "true", "accessKeyID": s3.access_key, "secretAccessKey": s3.secret_key}}


def main() -> None:
    s3 = cluster.S3.from_environment()
    watch = subprocess.Popen(["kubectl", "get", "pvc", "--all-namespaces", "--watch", "-o", "json"],
                             stdout=subprocess.PIPE, text=True)
    decoder, text, done = json.JSONDecoder(), "", set()
    for line in watch.stdout:
        text += line
        try:
            claim, end = decoder.raw_decode(text)
        except json.JSONDecodeError:
            continue  # Not whole yet.
        text = text[end:].lstrip()
        uid = claim["metadata"]["uid"]
        if uid in done:
            continue
        done.add(uid)
        namespace = cluster.get("namespace", claim["metadata"]["namespace"]) or {}
        if FRAMEWORK_LABEL in namespace.get("metadata", {}).get("labels", {}):
            cluster.apply(secret_for(claim, s3), check=False)  # The namespace may be ending.


if __name__ == "__main__":
    main()
