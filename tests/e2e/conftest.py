"""Needs a cluster with the product installed (tests/e2e/run.sh sees to it)."""

import os

import pytest

import cluster


@pytest.fixture(scope="session")
def s3() -> cluster.S3:
    if "KUBECONFIG" not in os.environ or "S3_ENDPOINT" not in os.environ:
        pytest.fail("no cluster: run tests/e2e/run.sh, or eval \"$(make -s cluster-env)\" first")
    return cluster.S3.from_environment()


@pytest.fixture
def bucket(s3):
    name = s3.make_bucket()
    yield name
    s3.remove_bucket(name)


@pytest.fixture
def namespace(s3):
    """A fresh namespace that opted in, with the Secret `keys`; gone again afterwards."""
    made = cluster.Namespace.make(s3, "e2e")
    name = made.name
    yield made
    cluster.kubectl("delete", "pods", "--all", "-n", name, "--wait=false")
    cluster.kubectl("delete", "datasets", "--all", "-n", name, "--timeout=60s")
    cluster.kubectl("delete", "namespace", name, "--timeout=60s")
