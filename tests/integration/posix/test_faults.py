"""A server that fails while it is read: right bytes or an error in time, never wrong bytes."""

import errno
import time

import pytest
from mounts import MIB, pseudo_random, raises
from proxy import Proxy

# Whoever may hope that the next attempt goes better tries again.
PASSING = ["500", "503", "reset", "truncated"]
# An answer that says of itself that it is not what was asked for.
WRONG = ["short-length", "other-range"]
ERROR_SECONDS_MAX = 40


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_now_and_then_is_not_seen(bucket, mount, s3_url, fault):
    content = pseudo_random(20 * MIB + 3)
    bucket.put("f", content)
    with Proxy(s3_url, fault=fault, every=3) as proxy:
        bucket.url = proxy.url
        assert (mount().path / "f").read_bytes() == content


@pytest.mark.parametrize("fault", PASSING + WRONG)
def test_a_fault_that_stays_is_an_error_in_time(bucket, mount, s3_url, fault):
    bucket.put("f", pseudo_random(3 * MIB))
    with Proxy(s3_url, fault=fault) as proxy:
        bucket.url = proxy.url
        path = mount().path / "f"
        begin = time.monotonic()
        with raises(errno.EIO):
            path.read_bytes()
        assert time.monotonic() - begin < ERROR_SECONDS_MAX


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_answers_never_become_wrong_bytes(bucket, mount, s3_url, fault):
    content = pseudo_random(20 * MIB + 3)
    bucket.put("f", content)
    with Proxy(s3_url, fault=fault, every=3) as proxy:
        bucket.url = proxy.url
        failures = 0  # Few: the kernel asks again for pages that it has not got.
        with open(mount().path / "f", "rb", buffering=0) as file:
            offset = 0
            while offset < len(content) and failures < 50:
                file.seek(offset)
                try:
                    piece = file.read(MIB)
                except OSError as error:
                    assert error.errno == errno.EIO
                    failures += 1
                    continue
                assert piece == content[offset:offset + len(piece)]
                offset += len(piece)
        assert offset == len(content)


def test_a_server_that_falls_silent_is_asked_again(bucket, mount, s3_url):
    content = pseudo_random(MIB)
    bucket.put("f", content)
    bucket.put("g", content)
    with Proxy(s3_url, fault="stalled", every=2) as proxy:
        bucket.url = proxy.url
        path = mount().path
        assert (path / "f").read_bytes() == content  # The first GET passes.
        assert (path / "g").read_bytes() == content  # The second one stalls.
