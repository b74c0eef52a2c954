"""`datashim mount` finds its credentials as AWS's own tools do, renews them, and shows them to nobody."""

import contextlib
import datetime
import http.server
import json
import pathlib
import threading

import boto3
import mounts
import pytest
import s3server
import test_mount

pytestmark = pytest.mark.skipif(s3server.KIND != "minio", reason="the S3 server has no STS")

TOKEN = "canary-container-token"


def without_keys(**changes) -> dict[str, str]:
    clean = mounts.environment(**changes)
    del clean["AWS_ACCESS_KEY_ID"], clean["AWS_SECRET_ACCESS_KEY"]
    return clean


def shown_by(mounted: mounts.Mount) -> str:
    """What other users and the log can see of a mount, which ends here."""
    process = pathlib.Path(f"/proc/{mounted.process.pid}")
    seen = (process / "cmdline").read_text() + (process / "comm").read_text()
    mounted.process.terminate()
    _, log = mounted.process.communicate(timeout=mounts.PATIENCE_SECONDS)
    assert mounted.process.returncode == 0, log
    return seen + log


def test_the_role_of_a_profile(bucket, place, tmp_path):
    bucket.put("f", b"content")
    (tmp_path / "config").write_text(
        "[profile reader]\nrole_arn = arn:minio:iam:::role/reader\nsource_profile = base\n")
    (tmp_path / "credentials").write_text(
        f"[base]\naws_access_key_id = {mounts.ACCESS_KEY}\naws_secret_access_key = {mounts.SECRET_KEY}\n")
    mounted = mounts.Mount(bucket.url, f"s3://{bucket.name}", place, "--log-level=debug", env=without_keys(
        AWS_PROFILE="reader", AWS_CONFIG_FILE=str(tmp_path / "config"),
        AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"), AWS_ENDPOINT_URL_STS=bucket.url))
    assert (mounted.path / "f").read_bytes() == b"content"
    assert mounts.SECRET_KEY not in shown_by(mounted)


@contextlib.contextmanager
def container_endpoint(keys: dict, seconds: float):
    """A strict container credentials endpoint whose answers last that long; yields its URL and how often it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.path == "/v1/credentials" and self.headers["Authorization"] == TOKEN
            expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
            body = json.dumps({
                "AccessKeyId": keys["AccessKeyId"], "SecretAccessKey": keys["SecretAccessKey"],
                "Token": keys["SessionToken"], "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()
            asked.append(known)
            self.send_response(200 if known else 401)
            self.end_headers()
            self.wfile.write(body if known else b"{}")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/credentials", asked
        server.shutdown()


def test_a_container_whose_credentials_end_is_asked_again(bucket, place, tmp_path):
    bucket.put("f", b"content")
    sts = boto3.client("sts", endpoint_url=bucket.url, region_name="us-east-1",
                       aws_access_key_id=mounts.ACCESS_KEY, aws_secret_access_key=mounts.SECRET_KEY)
    keys = sts.assume_role(RoleArn="arn:minio:iam:::role/x", RoleSessionName="test")["Credentials"]
    (tmp_path / "token").write_text(TOKEN + "\n")
    with container_endpoint(keys, seconds=3) as (url, asked):
        mounted = mounts.Mount(bucket.url, f"s3://{bucket.name}", place, "--log-level=debug", env=without_keys(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=url, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "token")))
        mounts.eventually(lambda: len(asked) >= 3, "the credentials are not renewed while nobody reads")
        assert all(asked)
        assert (mounted.path / "f").read_bytes() == b"content"
        shown = shown_by(mounted)
    for secret in (TOKEN, keys["SecretAccessKey"], keys["SessionToken"]):
        assert secret not in shown


def test_a_metadata_service_of_another_machine_gets_no_token(bucket, place, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    with_token = {"AWS_ACCESS_KEY_ID": "", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token")}
    run = test_mount.failed_mount(bucket.url, f"s3://{bucket.name}", place,
                                  AWS_CONTAINER_CREDENTIALS_FULL_URI="http://198.51.100.1/", **with_token)
    assert run.returncode == 2
    assert "use https" in run.stderr and TOKEN not in run.stderr
