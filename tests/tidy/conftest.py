"""Shared by the tests that read the source tree as text."""

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tracked(*patterns: str) -> list[pathlib.Path]:
    """Files that git tracks or would track, matching the patterns."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / line for line in listing.splitlines() if (ROOT / line).is_file()]


@pytest.fixture(scope="session")
def sources() -> list[pathlib.Path]:
    return tracked("src/*.h", "src/*.cc", "tests/*.h", "tests/*.cc", "bench/*.h", "bench/*.cc")
