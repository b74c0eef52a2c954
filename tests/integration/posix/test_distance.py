"""A server that is far away: round trips count."""

import time

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
