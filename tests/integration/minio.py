"""A real MinIO on loopback."""

import pathlib

import apiserver

ACCESS_KEY, SECRET_KEY = "python-test-access", "python-test-secret"


def start(folder: pathlib.Path) -> tuple[str, apiserver.Process]:
    """Starts one without buckets that keeps its data in `folder`. Returns its URL."""
    port, console_port = apiserver.free_ports(2)
    url = f"http://127.0.0.1:{port}"
    process = apiserver.Process(
        folder, apiserver.program("minio"), "server", "--quiet", "--address", f"127.0.0.1:{port}",
        "--console-address", f"127.0.0.1:{console_port}", str(folder / "data"),
        environment={"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY})
    try:
        process.wait_for(f"{url}/minio/health/ready")
    except BaseException:
        process.stop()
        raise
    return url, process
