"""Servers that several integration tests share."""

import pytest

import apiserver as apiserver_module
import minio as minio_module


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory):
    """A real kube-apiserver without nodes and controllers; see apiserver.ApiServer."""
    server, processes = apiserver_module.start(tmp_path_factory.mktemp("apiserver"))
    yield server
    for process in reversed(processes):
        process.stop()


@pytest.fixture(scope="session")
def minio(tmp_path_factory):
    """The URL of a MinIO without buckets; its keys are in minio.py."""
    url, process = minio_module.start(tmp_path_factory.mktemp("minio"))
    yield url
    process.stop()
