"""What a Dataset does in a real cluster, seen with kubectl and from inside pods."""

import concurrent.futures
import hashlib

import admissions
import cluster
from cluster import apply, condition, get, items, kubectl, provision, wait_until


def test_bound_claim_config_map_and_columns(namespace, bucket):
    namespace.dataset("data", bucket=bucket)
    dataset = namespace.wait_ready("data")
    assert condition(dataset, "Ready")["status"] == "True"
    assert condition(dataset, "Ready")["observedGeneration"] == dataset["metadata"]["generation"]
    claim = get("pvc", "data", namespace.name)
    assert claim["status"]["phase"] == "Bound"
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    config = get("configmap", "data", namespace.name)
    assert config["data"]["bucket"] == bucket
    assert config["data"]["endpoint"] == namespace.s3.endpoint_in_cluster
    header, row = kubectl("get", "dset", "-n", namespace.name).splitlines()
    assert header.split() == ["NAME", "TYPE", "SOURCE", "STATUS", "CLAIM", "AGE"]
    assert row.split()[1] == "COS" and "OK" in row.split()


def test_a_file_written_in_a_pod_is_an_object(namespace, bucket):
    namespace.dataset("data", bucket=bucket)
    namespace.pod("writer", "data")
    namespace.wait_running("writer")
    namespace.sh("writer", "mkdir -p /mnt/datasets/data/dir && "
                           "head -c 20000000 /dev/urandom > /mnt/datasets/data/dir/big && "
                           "printf hello > /mnt/datasets/data/small")
    wanted = namespace.sh("writer", "sha256sum < /mnt/datasets/data/dir/big").stdout.split()[0]
    assert hashlib.sha256(namespace.s3.read(bucket, "dir/big")).hexdigest() == wanted
    assert namespace.s3.read(bucket, "small") == b"hello"


def test_a_read_only_dataset_refuses_writes(namespace, bucket):
    namespace.s3.write(bucket, "file", b"content")
    namespace.dataset("data", bucket=bucket, readonly="true")
    namespace.pod("reader", "data")
    namespace.wait_running("reader")
    assert get("pvc", "data", namespace.name)["spec"]["accessModes"] == ["ReadOnlyMany"]
    assert namespace.sh("reader", "cat /mnt/datasets/data/file").stdout == "content"
    refused = namespace.sh("reader", "echo x > /mnt/datasets/data/new", check=False)
    assert refused.returncode != 0 and "Read-only file system" in refused.stderr


def test_a_dataset_on_a_prefix_sees_only_the_prefix(namespace, bucket):
    namespace.s3.write(bucket, "team-a/models/one", b"1")
    namespace.s3.write(bucket, "team-b/two", b"2")
    namespace.dataset("data", bucket=f"{bucket}/team-a")
    namespace.pod("reader", "data")
    namespace.wait_running("reader")
    assert namespace.sh("reader", "cd /mnt/datasets/data && find . -type f").stdout.split() == ["./models/one"]
    namespace.sh("reader", "printf 3 > /mnt/datasets/data/three")
    assert namespace.s3.read(bucket, "team-a/three") == b"3"


def test_a_bucket_is_made_on_demand(namespace, s3):
    bucket = f"made-{namespace.name}"
    namespace.dataset("data", bucket=bucket, provision="true")
    namespace.wait_ready("data")
    s3.client.head_bucket(Bucket=bucket)
    s3.remove_bucket(bucket)


def test_wrong_datasets_say_why_within_ten_seconds(namespace, bucket):
    namespace.secret("wrong-keys", "nobody", "not-a-secret")
    cases = {
        "wrong-keys": ({"bucket": bucket, "secret_name": "wrong-keys"}, ("CredentialsInvalid",)),
        "no-secret": ({"bucket": bucket, "secret_name": "absent"}, ("SecretNotFound",)),
        "no-bucket": ({"bucket": "there-is-no-such-bucket"}, ("BucketNotFound",)),
        "unreachable": ({"bucket": bucket, "endpoint": "http://127.0.0.1:1"}, ("Unreachable",)),
    }
    for name, (spec, _) in cases.items():
        namespace.dataset(name, **spec)
    for name, (_, reasons) in cases.items():
        wait_until(f"{name} says {reasons}", lambda: condition(
            get("dataset", name, namespace.name), "Ready").get("reason") in reasons, 10)
        dataset = get("dataset", name, namespace.name)
        assert provision(dataset) in ("Pending", "Failed")
        assert dataset["status"]["provision"]["info"]
        wait_until(f"{name} has an Event", lambda: any(
            e["reason"] in reasons for e in namespace.events(name)), 10)
        row = kubectl("get", "datasets", name, "-n", namespace.name, "--no-headers")
        assert provision(dataset) in row


def test_a_wrong_spec_is_refused_or_failed_with_the_key_named(namespace):
    refused = apply({"apiVersion": "datashim.io/v1alpha1", "kind": "Dataset",
                     "metadata": {"name": "bad", "namespace": namespace.name},
                     "spec": {"local": {"type": "COS", "secret-name": "keys", "endpoint": "http://x"}}}, check=False)
    if refused.returncode != 0:
        assert "bucket" in refused.stderr
        return
    wait_until("the status names the key", lambda: "bucket" in condition(
        get("dataset", "bad", namespace.name), "Ready").get("message", ""), 10)


def test_a_dataset_recovers_when_the_secret_comes(namespace, bucket):
    namespace.dataset("data", bucket=bucket, secret_name="late")
    wait_until("it waits for the Secret", lambda: condition(
        get("dataset", "data", namespace.name), "Ready").get("reason") == "SecretNotFound", 10)
    namespace.secret("late")
    namespace.wait_ready("data", seconds=35)


def test_deleting_a_dataset_in_use_waits_and_says_for_whom(namespace, bucket):
    namespace.dataset("data", bucket=bucket)
    namespace.pod("user", "data")
    namespace.wait_running("user")
    kubectl("delete", "dataset", "data", "-n", namespace.name, "--wait=false")
    wait_until("InUse names the pod", lambda: "user" in condition(
        get("dataset", "data", namespace.name), "InUse").get("message", ""), 10)
    assert namespace.sh("user", "printf ok > /mnt/datasets/data/still-works; cat /mnt/datasets/data/still-works"
                        ).stdout == "ok"
    kubectl("delete", "pod", "user", "-n", namespace.name)
    wait_until("the Dataset is gone", lambda: get("dataset", "data", namespace.name) is None, 30)
    assert namespace.s3.read(bucket, "still-works") == b"ok"


def test_the_same_name_can_be_used_again(namespace, bucket):
    for content in ("one", "two"):
        namespace.dataset("data", bucket=bucket)
        namespace.wait_ready("data")
        namespace.pod("user", "data")
        namespace.wait_running("user")
        namespace.sh("user", f"printf {content} > /mnt/datasets/data/file")
        assert namespace.s3.read(bucket, "file") == content.encode()
        kubectl("delete", "pod", "user", "-n", namespace.name)
        kubectl("delete", "dataset", "data", "-n", namespace.name, "--timeout=60s")


def test_foreign_objects_of_the_same_name_are_left_alone(namespace, bucket):
    apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "data", "namespace": namespace.name},
           "data": {"mine": "yes"}})
    namespace.dataset("data", bucket=bucket)
    wait_until("the conflict is named", lambda: condition(
        get("dataset", "data", namespace.name), "Ready").get("reason") == "NameConflict", 10)
    kubectl("delete", "dataset", "data", "-n", namespace.name, "--timeout=60s")
    assert get("configmap", "data", namespace.name)["data"] == {"mine": "yes"}


def test_environment_from_a_dataset(namespace, bucket):
    namespace.dataset("data", bucket=bucket)
    namespace.wait_ready("data")
    namespace.pod("user", "data", useas="configmap")
    namespace.wait_running("user")
    environment = namespace.sh("user", "env").stdout
    assert f"data_bucket={bucket}" in environment
    assert f"data_accessKeyID={namespace.s3.access_key}" in environment
    assert "/mnt/datasets" not in namespace.sh("user", "cat /proc/mounts").stdout


def test_annotations_choose_place_part_and_access(namespace, bucket):
    namespace.s3.write(bucket, "llama/7b/weights", b"7")
    namespace.dataset("data", bucket=bucket)
    namespace.wait_ready("data")
    namespace.pod("user", "data", "absent", annotations={
        "dataset.0.mount-path": "/models", "dataset.0.sub-path": "llama", "dataset.0.read-only": "true",
        "dataset.1.optional": "true"})
    namespace.wait_running("user")
    assert namespace.sh("user", "cd /models && find . -type f").stdout.split() == ["./7b/weights"]
    refused = namespace.sh("user", "echo x > /models/new", check=False)
    assert refused.returncode != 0 and "Read-only file system" in refused.stderr
    assert "/mnt/datasets" not in namespace.sh("user", "cat /proc/mounts").stdout


def test_an_unknown_dataset_is_refused(namespace):
    refused = apply({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": "user", "namespace": namespace.name,
        "labels": {"dataset.0.id": "absent", "dataset.0.useas": "mount"}},
        "spec": {"containers": [{"name": "main", "image": cluster.DEMO_IMAGE}]}}, check=False)
    assert refused.returncode != 0
    assert "absent" in refused.stderr and namespace.name in refused.stderr


def test_nothing_is_left(namespace, bucket):
    namespace.dataset("data", bucket=bucket)
    namespace.pod("user", "data")
    namespace.wait_running("user")
    volume = get("pvc", "data", namespace.name)["spec"]["volumeName"]
    handle = get("pv", volume)["spec"]["csi"]["volumeHandle"]
    kubectl("delete", "pod", "user", "-n", namespace.name)
    kubectl("delete", "dataset", "data", "-n", namespace.name, "--timeout=60s")
    wait_until("the volume is gone", lambda: get("pv", volume) is None, 30)
    assert [s for s in items("secrets", cluster.OPERATOR_NAMESPACE) if volume.removeprefix("pvc-") in s["metadata"]["name"]] == []
    assert items("pvc", namespace.name) == []
    assert [c["metadata"]["name"] for c in items("configmap", namespace.name)] == ["kube-root-ca.crt"]
    with open("/proc/mounts", encoding="utf-8") as mounts:
        wait_until("no mount is left", lambda: mounts.seek(0) == 0 and handle not in mounts.read(), 30)


def test_a_replica_that_ends_under_load_fails_no_admission(namespace, bucket):
    namespace.dataset("data", bucket=bucket)
    namespace.wait_ready("data")
    replicas = [pod["metadata"]["name"] for pod in items("pods", "dlf")
                if pod["metadata"]["labels"].get("app.kubernetes.io/component") == "operator"]
    assert len(replicas) == 2
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        load = pool.submit(admissions.ApiServer().admit, namespace.name,
                           {"dataset.0.id": "data", "dataset.0.useas": "mount"}, admissions_per_s=50, seconds=15)
        for replica in replicas:
            kubectl("delete", "pod", replica, "-n", "dlf")
            kubectl("rollout", "status", "deployment/dataset-operator", "-n", "dlf", "--timeout=60s")
        assert len(load.result()) == 50 * 15
