"""The cache of a node: what one pod has read, another one reads without the bucket."""

import hashlib
import os

import cluster
from cluster import get, kubectl, wait_until

MODEL_BYTES = 64 << 20

# A reverse proxy in front of the S3 server that logs every request. It changes no header: those are signed.
PROXY = r"""
import http.client, http.server, sys, urllib.parse

server = urllib.parse.urlsplit(sys.argv[1]).netloc

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        print(self.command, self.path, flush=True)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(server, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = answer.headers.get("Content-Length") if self.command == "HEAD" else len(data)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


class Proxy:
    """In a pod, so that nodes reach it in any cluster."""

    def __init__(self, namespace: cluster.Namespace):
        self.namespace = namespace
        namespace.pod("proxy", command=["python3", "-c", PROXY, namespace.s3.endpoint_in_cluster])
        namespace.wait_running("proxy")
        self.endpoint = f"http://{get('pod', 'proxy', namespace.name)['status']['podIP']}:8080"
        wait_until("the proxy listens", self.answers)

    def answers(self) -> bool:
        script = f"python3 -c \"import urllib.request; urllib.request.urlopen('{self.endpoint}/minio/health/live')\""
        return self.namespace.sh("proxy", script, check=False).returncode == 0

    def gets(self, path: str) -> int:
        return kubectl("logs", "proxy", "-n", self.namespace.name).splitlines().count(f"GET {path}")


def test_a_second_volume_reads_a_model_without_the_bucket(namespace, bucket):
    content = os.urandom(MODEL_BYTES)
    namespace.s3.write(bucket, "model.safetensors", content)
    proxy = Proxy(namespace)
    for name in ("first", "second"):
        namespace.dataset(name, bucket=bucket, endpoint=proxy.endpoint, readonly="true")

    def gets_during(pod: str, script: str) -> int:
        before = proxy.gets(f"/{bucket}/model.safetensors")
        namespace.sh(pod, script)
        return proxy.gets(f"/{bucket}/model.safetensors") - before

    namespace.pod("cold", "first")
    namespace.wait_running("cold")
    assert gets_during("cold", "sha256sum /mnt/datasets/first/model.safetensors") > 0
    # Around the page cache, which would need no bucket either.
    wait_until("the node has a copy", lambda: gets_during(
        "cold", "dd if=/mnt/datasets/first/model.safetensors of=/dev/null bs=1M iflag=direct") == 0)

    # Another volume, so another mount, that has read nothing yet.
    namespace.pod("warm", "second")
    namespace.wait_running("warm")
    assert gets_during("warm", "sha256sum /mnt/datasets/second/model.safetensors > /tmp/sum") == 0
    read = namespace.sh("warm", "cat /tmp/sum").stdout.split()[0]
    assert read == hashlib.sha256(content).hexdigest()
