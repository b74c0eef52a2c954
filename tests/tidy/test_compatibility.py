"""Documents against code: upstream's defects have tests that exist, and keys that are documented are read."""

import re

from conftest import ROOT

# Where each kind of docs/compatibility.md lives.
UNIT = {"dataset": "src/dataset", "operator-unit": "src/operator", "webhook": "src/webhook", "csi": "src/csi",
        "keeper": "src/keeper", "operator": "tests/integration/operator", "node": "tests/integration/node",
        "s3": "tests/integration/s3"}
PYTHON = {"helm": "tests/helm/test_chart.py", "chart": "tests/integration/test_chart.py",
          "crds": "tests/integration/test_crds.py", "tidy": "tests/tidy/test_compatibility.py"}
ROW = re.compile(r"^\| (D\d+) \|.*\| ([^|]*) \|$", re.M)


def names_of_tests(kind: str) -> set[str]:
    if kind in PYTHON:
        return set(re.findall(r"^def (test_\w+)\(", (ROOT / PYTHON[kind]).read_text(), re.M))
    return {f"{suite}.{name}" for path in (ROOT / UNIT[kind]).glob("*.cc")
            for suite, name in re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", path.read_text())}


def test_each_defect_of_upstream_has_tests_that_exist():
    rows = ROW.findall((ROOT / "docs/compatibility.md").read_text())
    assert [number for number, _ in rows] == [f"D{n}" for n in range(1, 16)]
    wrong = []
    for number, references in rows:
        for reference in references.split("; "):
            kind, _, name = reference.partition(": ")
            if kind not in UNIT | PYTHON:
                wrong.append(f"{number}: no kind of test: {reference!r}")
            elif name not in names_of_tests(kind):
                wrong.append(f"{number}: there is no {reference}")
    assert not wrong, "\n".join(wrong)


def keys_of_the_code() -> set[str]:
    keys: set[str] = set()
    for path in (ROOT / "src/dataset").glob("*_source.cc"):
        (table,) = re.findall(r"string_view kKeys\[\] = \{(.*?)\};", path.read_text(), re.S)
        keys |= set(re.findall(r'"([^"]+)"', table))
        if "kAttributePrefix" in table:
            keys.add("attributes.NAME")
    return keys


def keys_of_the_user_guide() -> set[str]:
    guide = (ROOT / "docs/user-guide.md").read_text()
    section = guide[guide.index("### The keys of `spec.local`"):guide.index("### When it does not become ready")]
    cells = re.findall(r"^\| (`[^|]*) \|", section, re.M)
    return {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def test_the_user_guide_has_the_keys_of_the_code():
    # Old ways to say what the guide says otherwise; it names them in passing.
    old = {"secret-namespace", "removeOnDelete", "createDirPVC"}
    beside_local = {"url", "extract", "format", "sha256"}  # Of spec itself.
    guide = (ROOT / "docs/user-guide.md").read_text()
    assert keys_of_the_code() - old == keys_of_the_user_guide() - beside_local
    assert not [key for key in old if key not in guide]
