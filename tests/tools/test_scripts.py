"""Scripts of tools/ that check themselves on a real system."""

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 1800  # The cluster's programs may have to be built.


@pytest.mark.parametrize("script", ["tools/image/test.sh", "tools/devcluster/test.sh"])
def test_script(script):
    run = subprocess.run([ROOT / script], cwd=ROOT, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_SECONDS)
    assert run.returncode == 0, run.stdout
    assert "FAILED" not in run.stdout
