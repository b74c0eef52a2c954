"""Ways to mount the same bucket: ours and the peers that are installed."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator

from measure import Minio, wait_for

# Read-only, otherwise with each program's defaults. `d` is the mount point.
COMMANDS: dict[str, Callable[[str, Minio, str], list[str]]] = {
    "datashim": lambda program, s3, d: [
        program, "mount", f"s3://{s3.bucket}", d, "--endpoint-url", s3.endpoint, "--region", "us-east-1",
        "--read-only"],
    "s3fs": lambda program, s3, d: [
        program, s3.bucket, d, "-f", "-o", f"url={s3.endpoint},use_path_request_style,ro"],
    "rclone": lambda program, s3, d: [
        program, "mount", f":s3:{s3.bucket}", d, "--read-only", "--s3-provider", "Minio", "--s3-env-auth",
        "--s3-endpoint", s3.endpoint, "--config", "/dev/null"],
    "goofys": lambda program, s3, d: [
        program, "-f", "-o", "ro", "--endpoint", s3.endpoint, "--region", "us-east-1", s3.bucket, d],
    "geesefs": lambda program, s3, d: [
        program, "-f", "-o", "ro", "--endpoint", s3.endpoint, "--region", "us-east-1", s3.bucket, d],
    "mountpoint-s3": lambda program, s3, d: [
        program, s3.bucket, d, "-f", "--read-only", "--force-path-style", "--endpoint-url", s3.endpoint,
        "--region", "us-east-1"],
}
DEBIAN = ("s3fs", "rclone")


def variable(name: str) -> str:
    """The environment variable with the path of a peer's program."""
    return "DATASHIM_BENCH_" + name.upper().replace("-", "_")


def programs(datashim: pathlib.Path) -> dict[str, str]:
    """Path of each contender that is there, ours first."""
    found = {"datashim": str(datashim)}
    for name in COMMANDS:
        path = os.environ.get(variable(name)) or (shutil.which(name) if name in DEBIAN else None)
        if path and name != "datashim":
            found[name] = path
    return found


def environment(s3: Minio) -> dict[str, str]:
    # s3fs has names of its own.
    return {**s3.environment, "AWSACCESSKEYID": s3.access_key, "AWSSECRETACCESSKEY": s3.secret_key}


@contextlib.contextmanager
def mounted(name: str, program: str, s3: Minio, *options: str) -> Iterator[tuple[pathlib.Path, int]]:
    """A fresh mount that knows nothing yet; yields directory and pid."""
    with tempfile.TemporaryDirectory(prefix="datashim-bench-") as folder, \
            tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen([*COMMANDS[name](program, s3, folder), *options], env=environment(s3),
                                   stdout=log, stderr=log)
        try:
            wait_for(f"{name} has mounted", lambda: os.path.ismount(folder) or process.poll() is not None,
                     every=0.002)
            if process.poll() is not None:
                log.seek(0)
                raise RuntimeError(f"{name} ended with {process.returncode}: {log.read()[-2000:]}")
            yield pathlib.Path(folder), process.pid
        finally:
            unmount(folder, process)


def unmount(folder: str, process: subprocess.Popen) -> None:
    for _ in range(50):
        if not os.path.ismount(folder):
            break
        subprocess.run(["umount", folder], stderr=subprocess.DEVNULL)
        time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    if process.poll() is None:
        process.kill()
        process.wait()
    subprocess.run(["umount", "-l", folder], stderr=subprocess.DEVNULL)


def version(name: str, program: str) -> str:
    out = subprocess.run([program, "version" if name == "rclone" else "--version"], capture_output=True, text=True)
    return ((out.stdout or out.stderr).splitlines() or ["?"])[0].strip()


