"""Pods admitted at a steady rate: dry-run creations over kept connections, as the administrator of $KUBECONFIG."""

import base64
import concurrent.futures
import json
import os
import pathlib
import ssl
import tempfile
import time
import urllib.request

import cluster


class ApiServer:
    """The API server of $KUBECONFIG, with the administrator's certificate."""

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

    def admit(self, place: str, labels: dict[str, str], admissions_per_s: int, seconds: int) -> list[float]:
        """Milliseconds of each call. Raises the first failure when all have ended."""
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            futures = []
            for number in range(admissions_per_s * seconds):
                time.sleep(max(0.0, begin + number / admissions_per_s - time.monotonic()))
                futures.append(pool.submit(self._create_pod_dry_run, place, labels))
            return [future.result() for future in futures]

    def _create_pod_dry_run(self, place: str, labels: dict[str, str]) -> float:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "bench-", "labels": labels},
               "spec": {"containers": [{"name": "main", "image": cluster.DEMO_IMAGE}]}}
        request = urllib.request.Request(
            f"{self.server}/api/v1/namespaces/{place}/pods?dryRun=All", method="POST",
            data=json.dumps(pod).encode(), headers={"Content-Type": "application/json"})
        begin = time.monotonic()
        with urllib.request.urlopen(request, context=self.context) as answer:
            answer.read()
        return (time.monotonic() - begin) * 1000
