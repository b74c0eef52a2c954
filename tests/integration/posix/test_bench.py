"""`datashim bench`: figures of a bucket, and nothing left behind."""

import json
import subprocess

import mounts


def bench(source: str, *options: str) -> dict:
    out = subprocess.run([mounts.BINARY, "bench", source, "--json", "--rounds", "1", "--random-seconds", "1", *options],
                         env=mounts.environment(), check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def test_a_bucket_is_measured_through_a_mount_and_by_gets(bucket):
    for i in range(3):
        bucket.put(f"d{i}/small", b"text")
    bucket.put("large", bytes(2 * mounts.MIB))
    before = bucket.keys()
    results = bench(f"s3://{bucket.name}", "--endpoint-url", bucket.url)
    assert set(results) == {"cold_seq", "cold_mmap", "cold_4_readers", "rand_256k", "small_files", "find"}
    for figures in results.values():
        assert set(figures) == {"datashim", "raw"}
        assert all(value >= 0 for value in figures["datashim"].values())
    assert results["cold_seq"]["datashim"]["gb_per_s"] > 0 < results["find"]["raw"]["entries_per_s"]
    assert {"gb_per_s", "cpu_s_per_gb", "peak_rss_mib"} <= set(results["cold_seq"]["datashim"])
    assert bucket.keys() == before


def test_a_bucket_without_objects_for_it_has_no_figures(bucket):
    assert set(bench(f"s3://{bucket.name}", "--endpoint-url", bucket.url)) == {"find"}


def test_objects_that_were_made_are_deleted(bucket):
    bucket.put("mine/small", b"text")
    results = bench(f"s3://{bucket.name}/mine", "--endpoint-url", bucket.url, "--write", "--scenario", "small_files")
    assert results["small_files"]["datashim"]["files_per_s"] > 0
    assert bucket.keys() == ["mine/small"]
    assert not bucket.uploads()


def test_a_directory_is_measured_as_it_is(place):
    (place / "d").mkdir()
    (place / "d" / "small").write_bytes(b"text")
    (place / "large").write_bytes(bytes(mounts.MIB))
    results = bench(str(place))
    assert set(results["cold_seq"]) == {"files"}
    assert results["find"]["files"]["entries_per_s"] > 0
