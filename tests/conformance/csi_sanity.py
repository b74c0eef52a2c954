#!/usr/bin/python3
"""Runs the official csi-sanity against `datashim node` and `datashim controller`.

A keeper, a node and a controller serve a kubelet directory of their own, with a
real S3 server behind them, in a private mount namespace. Needs root and /dev/fuse.

    tests/conformance/csi_sanity.py --junit build/results/csi-sanity/sanity.xml

Arguments after `--` go to csi-sanity, for example `-- --ginkgo.focus Node`.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/integration/posix")]
import mounts  # noqa: E402
import s3server  # noqa: E402
from programs import Process, program  # noqa: E402

# What csi-sanity calls the Secrets of the calls that take one here.
SECRET_NAMES = ("CreateVolumeSecret", "DeleteVolumeSecret", "NodeStageVolumeSecret",
                "NodePublishVolumeSecret", "ControllerValidateVolumeCapabilitiesSecret")
# Not applicable, with the reason.
SKIPPED = (
    # A bucket has no capacity, so volumes of any two are the same place and compatible.
    "already existing name and different capacity",
)


def start_services(folder: pathlib.Path, kubelet: pathlib.Path) -> list[Process]:
    """Keeper, node and controller; returns when all of them serve."""
    def run(command: str, *arguments: str) -> Process:
        return Process(folder, mounts.BINARY, command, *arguments, name=command)

    processes = [Process(folder, f"{mounts.BINARY}-keeper", "--kubelet-dir", str(kubelet),
                         "--keeper-socket", str(folder / "keeper.sock"))]
    mounts.eventually((folder / "keeper.sock").exists, "the keeper does not serve")
    processes.append(run(
        "node", "--node-name", "conformance", "--kubelet-dir", str(kubelet),
        "--plugin-dir", str(kubelet / "plugins/csi.datashim.io"),
        "--registry-dir", str(kubelet / "plugins_registry"),
        "--keeper-socket", str(folder / "keeper.sock"), "--health-port", "0"))
    processes.append(run("controller", "--socket", str(folder / "controller.sock")))
    for socket in (kubelet / "plugins/csi.datashim.io/csi.sock", folder / "controller.sock"):
        mounts.eventually(socket.exists, f"nobody serves {socket}")
    return processes


def run_sanity(folder: pathlib.Path, kubelet: pathlib.Path, url: str,
               junit: pathlib.Path, extra: list[str]) -> int:
    """@return csi-sanity's exit code."""
    secret = {"endpoint": url, "bucket": "sanity", "accessKeyID": mounts.ACCESS_KEY,
              "secretAccessKey": mounts.SECRET_KEY}
    secrets = folder / "secrets.yaml"
    secrets.write_text(yaml.safe_dump({name: secret for name in SECRET_NAMES}))
    done = subprocess.run([
        program("csi-sanity"),
        f"--csi.endpoint=unix://{kubelet}/plugins/csi.datashim.io/csi.sock",
        f"--csi.controllerendpoint=unix://{folder}/controller.sock",
        f"--csi.mountdir={kubelet}/pods/sanity", f"--csi.stagingdir={kubelet}/plugins/staging",
        f"--ginkgo.skip={'|'.join(SKIPPED)}", f"--csi.secrets={secrets}", f"--csi.junitfile={junit}", *extra], check=False)
    return done.returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junit", type=pathlib.Path, required=True, help="where the report goes")
    parser.add_argument("extra", nargs="*", help="arguments of csi-sanity")
    args = parser.parse_args()
    args.junit.parent.mkdir(parents=True, exist_ok=True)
    junit = args.junit.resolve()
    mounts.enter_private_mounts()
    with tempfile.TemporaryDirectory(prefix="datashim-sanity-") as name:
        folder = pathlib.Path(name)
        kubelet = folder / "kubelet"
        for directory in ("pods", "plugins/csi.datashim.io", "plugins_registry"):
            (kubelet / directory).mkdir(parents=True)
        processes = []
        try:
            with s3server.running(folder / "s3") as url:
                processes = start_services(folder, kubelet)
                status = run_sanity(folder, kubelet, url, junit, args.extra)
                if status:
                    for process in processes:
                        print(f"--- {process.log.name}\n{process.log.read_text()[-4000:]}")
        finally:
            for process in reversed(processes):
                process.stop()
            for path in mounts.mounted_below(folder):
                subprocess.run(["umount", "--lazy", path], check=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
