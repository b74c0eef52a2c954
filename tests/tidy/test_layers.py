"""The include edges of src/ are those of src/LAYERS, and that table has no cycle."""

import re

from conftest import ROOT

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
TEST_HEADERS = ("gtest/", "gmock/", "benchmark/")
# Headers of the C and C++ libraries and of Linux have no folder of ours or of a
# third party: any folder may use them.
SYSTEM = re.compile(r"^(sys|linux|net|netinet|arpa|asm|bits)/|^[a-z0-9_]+(\.h)?$")


def layers() -> dict[str, tuple[set[str], list[str]]]:
    table = {}
    for line in (ROOT / "src/LAYERS").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        folder, edges, third_party = (part.strip() for part in line.split(":"))
        table[folder] = (set(edges.split()), third_party.split())
    return table


def test_every_folder_has_a_line():
    folders = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
    assert folders <= set(layers()), "folders of src/ without a line in src/LAYERS"


def test_the_table_has_no_cycle():
    table = layers()
    done: set[str] = set()

    def visit(folder: str, path: tuple[str, ...]):
        assert folder not in path, f"cycle: {' -> '.join((*path, folder))}"
        if folder not in done:
            for edge in table[folder][0]:
                visit(edge, (*path, folder))
            done.add(folder)

    for folder in table:
        visit(folder, ())


def test_includes_follow_the_table(sources):
    table = layers()
    wrong = []
    for path in sources:
        parts = path.relative_to(ROOT).parts
        if parts[0] != "src" or len(parts) < 3:
            continue  # src/main.cc wires the program; tests/ may use all.
        folder = parts[1]
        edges, third_party = table[folder]
        is_test = path.name.endswith("_test.cc") or "testing" in parts
        for kind, header in INCLUDE.findall(path.read_text()):
            top = header.split("/")[0]
            if kind == '"' and top in table and "/" in header:
                reached = edges | {folder}
                if is_test:  # testing/ folders of what the folder may include
                    reached |= {"store", "net"} if "/testing/" in header else set()
                ok = top in reached
                if "/testing/" in header and not is_test:
                    ok = False
            elif is_test and header.startswith(TEST_HEADERS):
                ok = True
            else:
                ok = bool(SYSTEM.match(header)) or any(
                    header == allowed or (allowed.endswith("/") and header.startswith(allowed))
                    for allowed in third_party)
            if not ok:
                wrong.append(f"{path.relative_to(ROOT)} includes {header}")
    assert not wrong, "\n".join(wrong)


def test_third_party_headers_are_named_by_library():
    """SYSTEM lets bare names through: the libraries with bare headers are listed here."""
    bare = {"pugixml.hpp", "seccomp.h", "xxhash.h", "archive.h", "archive_entry.h", "csi.pb.h", "csi.grpc.pb.h",
            "registration.pb.h", "registration.grpc.pb.h"}
    table = layers()
    wrong = []
    for path in (ROOT / "src").rglob("*.[hc]*"):
        parts = path.relative_to(ROOT).parts
        if len(parts) < 3:
            continue
        for _, header in INCLUDE.findall(path.read_text()):
            if header in bare and header not in table[parts[1]][1]:
                wrong.append(f"{path.relative_to(ROOT)} includes {header}")
    assert not wrong, "\n".join(wrong)
