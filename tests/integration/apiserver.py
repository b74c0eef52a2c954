"""A real kube-apiserver over a real etcd on loopback: the API without nodes and controllers."""

import dataclasses
import json
import os
import pathlib
import secrets
import subprocess

import yaml

from programs import Process, free_ports, program


@dataclasses.dataclass
class ApiServer:
    """The running API server and a kubectl that is its administrator."""

    url: str
    kubeconfig: pathlib.Path
    kubectl_path: str

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess:
        done = subprocess.run([self.kubectl_path, *args], input=stdin, capture_output=True, text=True, timeout=60,
                              env={**os.environ, "KUBECONFIG": str(self.kubeconfig)})
        assert not check or done.returncode == 0, f"kubectl {' '.join(args)}: {done.stderr}"
        return done

    def apply(self, *documents: dict, check: bool = True) -> subprocess.CompletedProcess:
        return self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(documents), check=check)

    def get(self, kind: str, name: str, namespace: str = "default") -> dict:
        return json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json").stdout)


def start(folder: pathlib.Path) -> tuple[ApiServer, list[Process]]:
    """Starts etcd and kube-apiserver with everything they keep in `folder`."""
    client_port, peer_port, api_port = free_ports(3)
    etcd_url, peer_url = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    subprocess.run(["openssl", "genrsa", "-out", folder / "accounts.key", "2048"], check=True, capture_output=True)
    processes = []
    try:
        processes.append(Process(
            folder, program("etcd"), "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync",
            "--listen-client-urls", etcd_url, "--advertise-client-urls", etcd_url,
            "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
            "--initial-cluster", f"default={peer_url}"))
        processes[-1].wait_for(f"{etcd_url}/health")
        processes.append(Process(
            folder, program("kube-apiserver"), "--etcd-servers", etcd_url, "--bind-address", "127.0.0.1",
            "--secure-port", str(api_port), "--cert-dir", str(folder / "pki"),
            "--service-cluster-ip-range", "10.96.0.0/24", "--authorization-mode", "RBAC",
            "--token-auth-file", str(folder / "tokens.csv"),
            "--service-account-issuer", "https://kubernetes.default.svc",
            "--service-account-key-file", str(folder / "accounts.key"),
            "--service-account-signing-key-file", str(folder / "accounts.key"),
            "--allow-privileged",
            # Nobody makes the accounts that pods would need.
            "--disable-admission-plugins", "ServiceAccount"))
        url = f"https://127.0.0.1:{api_port}"
        processes[-1].wait_for(f"{url}/readyz")
    except BaseException:
        for process in reversed(processes):
            process.stop()
        raise
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {
            "server": url, "certificate-authority": str(folder / "pki/apiserver.crt")}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}]}))
    return ApiServer(url, kubeconfig, program("kubectl")), processes
