"""A server that is far away: round trips count, and so does what the wire carries."""

import time

from mounts import MIB, pseudo_random
from proxy import Proxy

ROUND_TRIP_SECONDS = 0.2


def test_the_first_bytes_come_after_four_round_trips(bucket, mount, s3_url):
    """Connection, listing of the root, GET; and less than two for starting the program."""
    bucket.put("f", b"text")
    with Proxy(s3_url, latency_ms=ROUND_TRIP_SECONDS * 1000) as far:
        bucket.url = far.url
        begin = time.monotonic()
        assert (mount().path / "f").read_bytes() == b"text"
        assert time.monotonic() - begin < 5 * ROUND_TRIP_SECONDS


def test_a_sequential_reader_has_the_bandwidth_of_a_long_wire(bucket, mount, s3_url):
    content = pseudo_random(64 * MIB)
    bucket.put("f", content)
    with Proxy(s3_url, latency_ms=20, mb_per_s=40) as far:
        bucket.url = far.url
        path = mount().path
        begin = time.monotonic()
        assert (path / "f").read_bytes() == content
        assert time.monotonic() - begin < len(content) / 40e6 / 0.8
