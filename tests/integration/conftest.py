"""Servers that several integration tests share."""

import pytest

import apiserver as apiserver_module
import s3server


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory):
    """A real kube-apiserver without nodes and controllers; see apiserver.ApiServer."""
    server, processes = apiserver_module.start(tmp_path_factory.mktemp("apiserver"))
    yield server
    for process in reversed(processes):
        process.stop()


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory):
    """The URL of an S3 server without buckets; its keys are in s3server.py."""
    with s3server.running(tmp_path_factory.mktemp("s3")) as url:
        yield url
