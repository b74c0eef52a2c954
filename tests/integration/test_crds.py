"""The CRDs in a real API server: what they take, what they refuse and what they say."""

import json
import string
import uuid

import pytest
import yaml

from apiserver import ApiServer
from programs import ROOT

GOOD = {"type": "COS", "secret-name": "keys", "endpoint": "http://minio.minio.svc:9000", "bucket": "models"}


@pytest.fixture(scope="module")
def server(apiserver) -> ApiServer:
    apiserver.kubectl("apply", "--server-side", "-f", str(ROOT / "api/crds"))
    apiserver.kubectl("wait", "--for=condition=Established", "--timeout=60s",
                      "crd/datasets.datashim.io", "crd/datasetsinternal.datashim.io")
    return apiserver


def dataset(local: dict | None = None, name: str = "", **spec) -> dict:
    if local is not None:
        spec["local"] = local
    return {"apiVersion": "datashim.io/v1alpha1", "kind": "Dataset",
            "metadata": {"name": name or f"d-{uuid.uuid4().hex[:8]}", "namespace": "default"}, "spec": spec}


def changed(**changes: str | None) -> dict:
    """GOOD with other values; None takes a key away; '_' in a key stands for '-'."""
    local = dict(GOOD)
    for key, value in changes.items():
        key = key.replace("_", "-")
        if value is None:
            local.pop(key, None)
        else:
            local[key] = value
    return local


@pytest.mark.parametrize("version", ["datasets.datashim.io", "datasetsinternal.datashim.io"])
def test_the_schema_is_structural(server, version):
    conditions = {c["type"]: c for c in server.get("crd", version)["status"]["conditions"]}
    assert conditions["Established"]["status"] == "True"
    assert "NonStructuralSchema" not in conditions


# Shapes of upstream's examples and documents.
UPSTREAM = {
    "inline": dataset({"type": "COS", "accessKeyID": "id", "secretAccessKey": "key", "endpoint": "https://s3.eu.x",
                       "bucket": "bucket", "readonly": "true", "region": ""}),
    "secret": dataset({"type": "COS", "secret-name": "s3secret", "secret-namespace": "default",
                       "endpoint": "http://minio:9000", "bucket": "bucket"}),
    "provision": dataset(changed(provision="true")),
    "folder": dataset(changed(bucket="my-bucket/my-user/data")),
    "remove-on-delete": dataset(changed(removeOnDelete="true")),
    "anonymous": dataset(changed(secret_name=None, accessKeyID="", secretAccessKey="")),
    "nfs": dataset({"type": "NFS", "server": "10.0.0.1", "share": "/data", "createDirPVC": "true"}),
    "host": dataset({"type": "HOST", "path": "/data"}),
    "host with all": dataset({"type": "HOST", "path": "//mnt/./data/", "permissions": "ReadOnly", "hostPathType": "Directory"}),
    "csi by class": dataset({"type": "CSI", "storageClass": "fast", "size": "20Gi", "access-mode": "ReadWriteOnce"}),
    "csi by handle": dataset({"type": "CSI", "driver": "nfs.csi.k8s.io", "volumeHandle": "h", "attributes.server": "s"}),
    "extra keys": dataset(changed(ca_bundle="secret/ca/root.pem", path_style="false", uid="1000", gid="0", file_mode="0640",
                                  dir_mode="750", metadata_ttl="5m", size="10Ti", access_mode="ReadWriteOnce",
                                  mount_options="noatime", remove_on_delete="true")),
    "web identity": dataset(changed(secret_name=None, auth="web-identity", role_arn="arn:aws:iam::1:role/a/b")),
    "web identity of MinIO": dataset(changed(secret_name=None, auth="web-identity", sts_endpoint="http://minio.minio:9000/")),
    "pod identity": dataset(changed(secret_name=None, auth="pod-identity")),
    "assumed role": dataset(changed(role_arn="arn:aws:iam::1:role/a", external_id="us")),
    "h3": dataset({"type": "H3", "storageUri": "redis://redis:6379", "bucket": "b"}),
    "archive": dataset(type="ARCHIVE", url="https://x/noaa.tar.gz", format="application/x-tar", extract="true"),
    "archive with provision": dataset({"provision": "true"}, type="ARCHIVE", url="https://x/noaa.tar.gz"),
    "archive with all": dataset({"type": "COS", "endpoint": "http://x", "bucket": "b12/f", "secret-name": "k", "source-endpoint": "http://y"},
                                type="ARCHIVE", url="s3://bucket/a.zip", format="zip", extract="true", sha256="aB" * 32),
}


@pytest.mark.parametrize("name", UPSTREAM)
def test_what_users_have_is_taken(server, name):
    server.apply(UPSTREAM[name])


def example_documents() -> list[tuple[str, dict]]:
    values = {"NAMESPACE": "default", "S3_ENDPOINT_IN_CLUSTER": "http://minio.minio.svc:9000",
              "S3_ACCESS_KEY": "id", "S3_SECRET_KEY": "key"}
    found = []
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        text = string.Template(path.read_text()).safe_substitute(values)
        found += [(f"{path.name}/{d['kind']}/{d['metadata']['name']}", d) for d in yaml.safe_load_all(text)]
    return found


@pytest.mark.parametrize("document", [pytest.param(d, id=name) for name, d in example_documents()])
def test_the_examples_are_taken(server, document):
    # A pod that leaves its volume to the webhook is complete only behind it.
    ours = any(label.startswith("dataset.") for label in document["metadata"].get("labels", {}))
    server.kubectl("apply", f"--dry-run={'client' if ours else 'server'}", "--validate=strict", "-f", "-", stdin=yaml.safe_dump(document))


REFUSED = {
    "no type": (changed(type=None), "spec.local[type]: Required value: the type is missing; for an S3 bucket it is COS"),
    "small type": (changed(type="cos"), "spec.local[type]: Invalid value:", "did you mean COS?"),
    "unknown type": (changed(type="GCS"), "spec.local[type]: Invalid value:", "unknown type 'GCS'", "COS (or S3)"),
    "no endpoint": (changed(endpoint=None), "spec.local[endpoint]: Invalid value:", "https://s3."),
    "endpoint without scheme": (changed(endpoint="minio:9000"), "spec.local[endpoint]: Invalid value:", "http://"),
    "endpoint with path": (changed(endpoint="http://minio/models"), "spec.local[endpoint]: Invalid value:"),
    "endpoint with password": (changed(endpoint="http://a:b@minio"), "spec.local[endpoint]: Invalid value:"),
    "no bucket": (changed(bucket=None), "spec.local[bucket]: Invalid value:", "bucket/folder"),
    "wrong bucket": (changed(bucket="-models"), "spec.local[bucket]: Invalid value:"),
    "no credentials": (changed(secret_name=None), "spec.local[secret-name]: Required value:", "anonymous"),
    "half of the keys": (changed(secret_name=None, accessKeyID="a"), "spec.local[secret-name]: Required value:"),
    "both ways": (changed(accessKeyID="a", secretAccessKey="hush"), "spec.local[secret-name]: Forbidden:", "two ways"),
    "unknown auth": (changed(auth="iam"), "spec.local[auth]: Invalid value:", "web-identity"),
    "auth and keys": (changed(auth="pod-identity"), "spec.local[auth]: Forbidden:", "leave out secret-name"),
    "auth without role": (changed(secret_name=None, auth="web-identity"), "spec.local[role-arn]: Required value:"),
    "role": (changed(role_arn="reader"), "spec.local[role-arn]: Invalid value:", "arn:aws:iam::"),
    "sts-endpoint": (changed(role_arn="arn:a", sts_endpoint="sts:9000"), "spec.local[sts-endpoint]: Invalid value:"),
    "readonly": (changed(readonly="yes"), "spec.local[readonly]: Invalid value:", "in quotes"),
    "provision": (changed(provision="on"), "spec.local[provision]: Invalid value:", "in quotes"),
    "path-style": (changed(path_style="auto"), "spec.local[path-style]: Invalid value:", "in quotes"),
    "remove-on-delete": (changed(remove_on_delete="yes"), "spec.local[remove-on-delete]: Invalid value:"),
    "uid": (changed(uid="root"), "spec.local[uid]: Invalid value:", "must be a number"),
    "file-mode": (changed(file_mode="rw-r--r--"), "spec.local[file-mode]: Invalid value:", "0640"),
    "metadata-ttl": (changed(metadata_ttl="1 day"), "spec.local[metadata-ttl]: Invalid value:", "5m"),
    "size": (changed(size="10GB"), "spec.local[size]: Invalid value:", "10Gi"),
    "access-mode": (changed(access_mode="RWX"), "spec.local[access-mode]: Invalid value:", "ReadWriteMany"),
    "ca-bundle": (changed(ca_bundle="a/b/c"), "spec.local[ca-bundle]: Invalid value:", "configmap/NAME"),
    "NFS without server": ({"type": "NFS", "share": "/x"}, "spec.local[server]: Invalid value:"),
    "NFS server with share": ({"type": "NFS", "server": "s:/x", "share": "/x"}, "spec.local[server]: Invalid value:"),
    "NFS escape": ({"type": "NFS", "server": "s", "share": "/a/../b"}, "spec.local[share]: Invalid value:", "'..'"),
    "NFS version": ({"type": "NFS", "server": "s", "share": "/", "version": "2"}, "spec.local[version]: Invalid value:"),
    "HOST without path": ({"type": "HOST"}, "spec.local[path]: Invalid value:", "/data"),
    "HOST escape": ({"type": "HOST", "path": "/data/.."}, "spec.local[path]: Invalid value:", "'..'"),
    "HOST root": ({"type": "HOST", "path": "/"}, "spec.local[path]: Forbidden:", "system directory"),
    "HOST disguised": ({"type": "HOST", "path": "/.//etc"}, "spec.local[path]: Forbidden:", "system directory"),
    "HOST permissions": ({"type": "HOST", "path": "/data", "permissions": "rw"}, "spec.local[permissions]: Invalid value:"),
    "HOST type": ({"type": "HOST", "path": "/data", "hostPathType": "Socket"}, "spec.local[hostPathType]: Invalid value:"),
    "H3 without storage": ({"type": "H3", "bucket": "b"}, "spec.local[storageUri]: Required value:"),
    "CSI without volume": ({"type": "CSI"}, "spec.local[storageClass]: Required value:", "volumeHandle"),
    "CSI both ways": ({"type": "CSI", "storageClass": "a", "driver": "d", "volumeHandle": "h"}, "spec.local[storageClass]: Forbidden:"),
    "CSI without handle": ({"type": "CSI", "driver": "d"}, "spec.local[volumeHandle]: Required value:"),
    "CSI of ours": ({"type": "CSI", "driver": "csi.Datashim.io", "volumeHandle": "pvc-x"}, "spec.local[driver]: Forbidden:", "COS"),
    "no string": (changed() | {"readonly": True}, "spec.local.readonly: Invalid value:", "must be of type string"),
    "long value": (changed(region="r" * 4097), "spec.local.region: Too long"),
    "many keys": (changed(**{f"k{i}": "v" for i in range(64)}), "spec.local: Too many"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_source_is_refused_with_field_and_hint(server, name):
    local, *messages = REFUSED[name]
    done = server.apply(dataset(local), check=False)
    assert done.returncode != 0
    for message in messages:
        assert message in done.stderr, done.stderr
    assert "hush" not in done.stderr


@pytest.mark.parametrize("document, message", [
    (dataset(), "spec.local is missing"),
    (dataset(type="archive"), "spec.local is missing"),
    (dataset(dict(GOOD), type="archive"), "did you mean ARCHIVE?"),
    (dataset(type="ARCHIVE"), "spec.url: Invalid value"),
    (dataset(type="ARCHIVE", url="ftp://x/a"), "spec.url: Invalid value"),
    (dataset(type="ARCHIVE", url="http://x/a", sha256="abc"), "spec.sha256: Invalid value"),
    (dataset(type="ARCHIVE", url="http://x/a", extract="yes"), "spec.extract: Invalid value"),
    (dataset({"type": "NFS", "server": "s", "share": "/"}, type="ARCHIVE", url="http://x/a"), "where the files of an ARCHIVE go"),
    (dataset(remote={"type": "CatalogEntry", "table": "default/books", "endpoint": "http://x", "mountAllowed": "true"}),
     "spec.remote: Forbidden: tables of a catalog"),
    (dataset(dict(GOOD), name="a.b"), "metadata.name must consist"),
    (dataset(dict(GOOD), name="a" * 64), "metadata.name must consist"),
    ({k: v for k, v in dataset(dict(GOOD)).items() if k != "spec"}, "spec: Required value"),
])
def test_a_wrong_dataset_is_refused(server, document, message):
    done = server.apply(document, check=False)
    assert done.returncode != 0 and message in done.stderr, done.stderr


def test_the_type_stays_and_the_rest_may_change(server):
    document = dataset(dict(GOOD))
    server.apply(document)
    document["spec"]["local"] |= {"type": "S3", "bucket": "other", "endpoint": "https://other"}
    server.apply(document)
    for spec in ({"local": {"type": "NFS", "server": "s", "share": "/"}}, {"type": "ARCHIVE", "url": "http://x/a"}):
        done = server.kubectl("replace", "-f", "-", stdin=json.dumps(document | {"spec": spec}), check=False)
        assert done.returncode != 0
        assert "spec.local[type]: Forbidden: the type cannot be changed" in done.stderr


@pytest.mark.parametrize("before, change, field", [
    (GOOD, {"size": "6Gi"}, "spec.local[size]"),
    (GOOD, {"access-mode": "ReadWriteOnce"}, "spec.local[access-mode]"),
    (GOOD, {"mount-options": "noatime"}, "spec.local[mount-options]"),
    ({"type": "NFS", "server": "s", "share": "/"}, {"server": "t"}, "spec.local"),
    ({"type": "HOST", "path": "/data"}, {"path": "/other"}, "spec.local"),
    ({"type": "CSI", "storageClass": "a"}, {"storageClass": "b"}, "spec.local"),
])
def test_what_a_volume_says_once_stays(server, before, change, field):
    document = dataset(dict(before))
    server.apply(document)
    document["spec"]["local"] |= change
    done = server.apply(document, check=False)
    assert done.returncode != 0
    assert f"{field}: Forbidden:" in done.stderr and "cannot be changed" in done.stderr, done.stderr
    document["spec"]["local"] = dict(before)
    document["metadata"]["labels"] = {"remove-on-delete": "true"}
    server.apply(document)


def test_status_has_its_own_door_and_a_start(server):
    document = dataset(dict(GOOD))
    name = document["metadata"]["name"]
    server.apply(document | {"status": {"provision": {"status": "OK"}}})
    assert server.get("dataset", name)["status"]["provision"] == {"status": "Initializing"}

    status = {"provision": {"status": "OK", "info": ""}, "caching": {"status": "Disabled", "info": "none"},
              "conditions": [{"type": "Ready", "status": "True", "reason": "Bound", "message": "",
                              "observedGeneration": 1, "lastTransitionTime": "2026-01-02T03:04:05Z"}]}
    server.kubectl("patch", "dataset", name, "--subresource=status", "--type=merge", "-p",
                   json.dumps({"status": status}))
    assert server.get("dataset", name)["status"] == status
    server.kubectl("wait", f"dataset/{name}", "--for=condition=Ready", "--timeout=10s")
    bad = [{**status["conditions"][0], "status": "perhaps"}]
    refused = server.kubectl("patch", "dataset", name, "--subresource=status", "--type=merge", "-p",
                             json.dumps({"status": {"conditions": bad}}), check=False)
    assert refused.returncode != 0 and "status.conditions[0].status" in refused.stderr


def test_columns_and_short_name(server):
    document = dataset(changed(bucket="models/llama"))
    name = document["metadata"]["name"]
    server.apply(document)
    header, row = server.kubectl("get", "dset", name).stdout.splitlines()
    assert header.split() == ["NAME", "TYPE", "SOURCE", "STATUS", "CLAIM", "AGE"]
    assert row.split()[:5] == [name, "COS", "models/llama", "Initializing", name]
    wide = server.kubectl("get", "datashim", "-o", "wide").stdout
    assert "REASON" in wide and "INFO" in wide


def test_internal_datasets_are_served_for_plugins(server):
    server.apply({"apiVersion": "datashim.io/v1alpha1", "kind": "DatasetInternal",
                  "metadata": {"name": "cached", "namespace": "default", "labels": {"dlf-plugin-type": "caching"}},
                  "spec": {"local": {"type": "COS", "endpoint": "http://10.0.0.1", "bucket": "b", "accessKeyID": "a"}}})
    placements = {"gateways": [{"key": "kubernetes.io/hostname", "value": "node-1"}],
                  "datalocations": [{"key": "kubernetes.io/hostname", "value": "node-2"}]}
    server.kubectl("patch", "datasetinternal", "cached", "--subresource=status", "--type=merge", "-p",
                   json.dumps({"status": {"caching": {"placements": placements}}}))
    assert server.get("datasetinternal", "cached")["status"]["caching"]["placements"] == placements
