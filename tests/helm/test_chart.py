"""The chart as it is rendered: golden files, lint, schema and the promises of its README.

After a wanted change: DATASHIM_UPDATE_GOLDEN=1 python3 -m pytest tests/helm
"""

import difflib
import functools
import itertools
import os
import pathlib
import re
import subprocess

import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHART = ROOT / "deploy/helm/datashim"
VALUES = sorted(path.stem for path in (HERE / "values").glob("*.yaml"))
KUBE_VERSION = ["--kube-version", "1.34.0"]


@functools.cache
def helm_path() -> str:
    return subprocess.run([ROOT / "tools/devcluster/devcluster", "bin", "helm"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


def helm(*args: str, check: bool = True) -> subprocess.CompletedProcess:
    done = subprocess.run([helm_path(), *args], capture_output=True, text=True, timeout=60)
    assert not check or done.returncode == 0, done.stderr
    return done


def render(values: str, *args: str) -> str:
    return helm("template", "datashim", str(CHART), "--namespace", "dlf", *KUBE_VERSION,
                "--values", str(HERE / "values" / f"{values}.yaml"), *args).stdout


def objects(values: str, *args: str) -> dict[tuple[str, str], dict]:
    documents = [d for d in yaml.safe_load_all(render(values, *args)) if d]
    return {(d["kind"], d["metadata"]["name"]): d for d in documents}


@pytest.mark.parametrize("values", VALUES)
def test_rendered_as_before(values):
    golden = HERE / "golden" / f"{values}.yaml"
    rendered = render(values)
    if os.environ.get("DATASHIM_UPDATE_GOLDEN"):
        golden.write_text(rendered)
    expected = golden.read_text()
    difference = "\n".join(difflib.unified_diff(expected.splitlines(), rendered.splitlines(),
                                                golden.name, "rendered", lineterm=""))
    assert not difference, difference


@pytest.mark.parametrize("values", VALUES)
def test_lint(values):
    done = helm("lint", str(CHART), "--strict", *KUBE_VERSION, "--values", str(HERE / "values" / f"{values}.yaml"))
    assert "[WARNING]" not in done.stdout and "[ERROR]" not in done.stdout


@pytest.mark.parametrize("setting, field", [
    ("logLevel=loud", "logLevel"),
    ("kubeletDir=var/lib", "kubeletDir"),
    ("kubeletDir=/var/lib/", "kubeletDir"),
    ("kubeletDir=/var/../etc", "kubeletDir"),
    ("image.digest=sha256:12", "digest"),
    ("image.tag=a b", "tag"),
    ("image.repository=", "repository"),
    ("image.pullPolicy=never", "pullPolicy"),
    ("webhook.failurePolicy=Maybe", "failurePolicy"),
    ("datasets.types={COS,FTP}", "types"),
    ("datasets.hostPaths={data}", "hostPaths"),
    ("datasets.hostPaths={/data/../etc}", "hostPaths"),
    ("datasets.csiDrivers={a b}", "csiDrivers"),
    ("iam.webIdentityAudience=a b", "webIdentityAudience"),
    ("iam.stsEndpoints={minio:9000}", "stsEndpoints"),
    ("iam.podIdentity=maybe", "podIdentity"),
    ("webhook.timeoutSeconds=60", "timeoutSeconds"),
    ("operator.replicas=0", "replicas"),
    ("node.memoryMiBMax=many", "memoryMiBMax"),
    ("node.cache.enabled=maybe", "enabled"),
    ("node.cache.hostPath=cache", "hostPath"),
    ("node.cache.hostPath=/", "hostPath"),
    ("node.cache.size=lots", "size"),
    ("node.cache.size=0%", "size"),
    ("node.cache.size=101%", "size"),
    ("node.cache.diskFreePercent=100", "diskFreePercent"),
    ("node.resources.memory=1Gi", "resources"),
    ("keeper.socketDir=run", "socketDir"),
    ("podLabels.a=1", "podLabels"),
    ("typo=1", "typo"),
    ("operator.replica=1", "replica"),
])
def test_wrong_values_are_refused(setting, field):
    done = helm("template", "datashim", str(CHART), *KUBE_VERSION, "--set", setting, check=False)
    assert done.returncode != 0
    assert field in done.stderr, done.stderr


def test_an_old_cluster_is_refused():
    done = helm("template", "datashim", str(CHART), "--kube-version", "1.29.0", check=False)
    assert done.returncode != 0 and "1.30" in done.stderr


def test_values_have_their_defaults_from_the_file_alone():
    """A value that a template reads must be in values.yaml, where it is explained."""
    known = set()

    def collect(value, path):
        known.add(path)
        if isinstance(value, dict):
            for key, child in value.items():
                collect(child, f"{path}.{key}")

    collect(yaml.safe_load((CHART / "values.yaml").read_text()), "Values")
    text = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    used = {match.rstrip(".") for match in re.findall(r"\bValues(?:\.\w+)+", text)}
    assert used <= known, used - known


def test_crds_come_with_the_chart_but_are_not_its_to_delete():
    assert not [key for key in objects("default") if key[0] == "CustomResourceDefinition"]
    names = {name for kind, name in objects("default", "--include-crds") if kind == "CustomResourceDefinition"}
    assert names == {"datasets.datashim.io", "datasetsinternal.datashim.io"}


def test_only_the_keeper_is_privileged():
    for (kind, name), workload in objects("default").items():
        if kind not in ("Deployment", "DaemonSet"):
            continue
        pod = workload["spec"]["template"]["spec"]
        assert not pod.get("hostNetwork") and not pod.get("hostPID") and not pod.get("hostIPC")
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            if name == "datashim-keeper":
                assert security["privileged"] is True
                continue
            assert "privileged" not in security
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_rights_are_narrow():
    rules = {name: document["rules"] for (kind, name), document in objects("default").items()
             if kind in ("ClusterRole", "Role")}
    for name, entries in rules.items():
        for rule in entries:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"], name
    cluster_wide = objects("default")["ClusterRole", "dataset-operator"]["rules"]
    secrets = [rule for rule in cluster_wide if "secrets" in rule["resources"]]
    assert len(secrets) == 1 and not {"list", "watch", "patch", "deletecollection"} & set(secrets[0]["verbs"])
    for kind, name in objects("default"):
        if kind in ("RoleBinding", "ClusterRoleBinding"):
            subjects = objects("default")[kind, name]["subjects"]
            assert [s["name"] for s in subjects] == ["dataset-operator"]


def documented_rights() -> set[tuple]:
    """The table of docs/rbac.md: (scope, group, resource, verb, name)."""
    rights = set()
    for line in (ROOT / "docs/rbac.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) >= 5 and cells[0] in ("cluster", "namespace"):
            scope, group, resource, verbs, name = cells[:5]
            rights |= {(scope, "" if group == "core" else group, resource, verb, name) for verb in verbs.split()}
    return rights


def test_rights_are_those_that_are_documented_and_tested():
    granted = set()
    for scope, kind in (("cluster", "ClusterRole"), ("namespace", "Role")):
        for rule in objects("default")[kind, "dataset-operator"]["rules"]:
            granted |= set(itertools.product([scope], rule["apiGroups"], rule["resources"], rule["verbs"],
                                             rule.get("resourceNames", [""])))
    assert granted == documented_rights()


def test_the_webhook_leaves_other_pods_and_its_trust_alone():
    configuration = objects("default")["MutatingWebhookConfiguration", "dlf-mutating-webhook-cfg"]
    (hook,) = configuration["webhooks"]
    assert "caBundle" not in hook["clientConfig"]
    assert hook["namespaceSelector"] == {"matchLabels": {"monitor-pods-datasets": "enabled"}}
    assert hook["rules"][0]["operations"] == ["CREATE"]
    assert len(hook["matchConditions"]) == 1


def test_there_is_no_attacher_and_no_program_of_others():
    assert objects("default")["CSIDriver", "csi.datashim.io"]["spec"]["attachRequired"] is False
    images = {container["image"] for (kind, _), workload in objects("default").items()
              if kind in ("Deployment", "DaemonSet", "StatefulSet")
              for container in workload["spec"]["template"]["spec"]["containers"]}
    assert len(images) == 1 and not images.pop().endswith(":latest")


def test_no_certificate_comes_with_the_chart():
    for values in VALUES:
        assert not [name for kind, name in objects(values, "--include-crds") if kind == "Secret"]


def test_what_datasets_may_reach_is_told_to_the_operator():
    def arguments(*settings: str) -> list[str]:
        (container,) = objects("default", *settings)["Deployment", "dataset-operator"]["spec"]["template"]["spec"]["containers"]
        return container["args"]

    assert {"--dataset-types=COS,NFS,HOST,CSI,ARCHIVE", "--host-paths=/", "--csi-drivers=*",
            "--host-paths-refused=/var/lib/kubelet,/run/datashim,/var/lib/datashim/cache"} <= set(arguments())
    narrow = arguments("--set", "datasets.types={COS,HOST},datasets.hostPaths={/data,/mnt/disks},kubeletDir=/data/kubelet",
                       "--set-json", "datasets.csiDrivers=[]")
    assert {"--dataset-types=COS,HOST", "--host-paths=/data,/mnt/disks", "--csi-drivers=",
            "--host-paths-refused=/data/kubelet,/run/datashim,/var/lib/datashim/cache"} <= set(narrow)


def test_the_cache_is_written_by_the_node_and_read_by_the_keeper():
    def of(name: str, *settings: str) -> tuple[list, dict, dict]:
        pod = objects("default", *settings)["DaemonSet", f"datashim-{name}"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        mounts = {m["name"]: m for m in container["volumeMounts"]}
        return container["args"], mounts.get("cache"), {v["name"]: v for v in pod["volumes"]}.get("cache")

    for name in ("node", "keeper"):
        args, mount, volume = of(name)
        assert "--cache-dir=/var/lib/datashim/cache" in args
        assert mount["mountPath"] == volume["hostPath"]["path"] == "/var/lib/datashim/cache"
        assert mount.get("readOnly", False) == (name == "keeper")
        args, mount, volume = of(name, "--set", "node.cache.enabled=false")
        assert not [arg for arg in args if "cache" in arg] and not mount and not volume
    assert {"--cache-size=50%", "--cache-disk-free-percent=20"} <= set(of("node")[0])


def test_names_that_users_know():
    names = set(objects("default"))
    assert {("Deployment", "dataset-operator"), ("Service", "webhook-server"), ("StorageClass", "csi-s3"),
            ("CSIDriver", "csi.datashim.io"), ("DaemonSet", "datashim-node"), ("DaemonSet", "datashim-keeper"),
            ("MutatingWebhookConfiguration", "dlf-mutating-webhook-cfg")} <= names
