"""Sizes a reader can hold in mind: functions, files, lines."""

import json
import re
import subprocess

from conftest import ROOT, tracked

FUNCTION_LINES_MAX = 70
SOURCE_LINES_MAX = 500
HEADER_LINES_MAX = 250
# name -> (limit, why it may be longer)
LONGER = {
    "src/fs/file_system.h": (320, "the whole contract between fuse and fs in one place"),
    "src/fuse/protocol.h": (280, "the kernel's structures, one after the other"),
}


def test_files_are_short(sources):
    long = []
    for path in sources:
        name = str(path.relative_to(ROOT))
        limit = HEADER_LINES_MAX if path.suffix == ".h" else SOURCE_LINES_MAX
        limit = LONGER.get(name, (limit, ""))[0]
        lines = path.read_text().count("\n")
        if lines > limit:
            long.append(f"{name}: {lines} lines, at most {limit}")
    assert not long, "\n".join(long)


def test_functions_are_short(sources):
    names = [str(p.relative_to(ROOT)) for p in sources]
    tags = subprocess.run(
        ["ctags", "-f", "-", "--output-format=json", "--fields=+ne", "--kinds-c++=f",
         "--language-force=c++", "-L", "-"],
        cwd=ROOT, input="\n".join(names), check=True, capture_output=True, text=True).stdout
    long = []
    for line in tags.splitlines():
        tag = json.loads(line)
        length = tag.get("end", tag["line"]) - tag["line"] + 1
        if length > FUNCTION_LINES_MAX:
            long.append(f"{tag['path']}:{tag['line']}: {tag['name']} has {length} lines")
    assert tags, "ctags found no function at all"
    assert not long, f"more than {FUNCTION_LINES_MAX} lines:\n" + "\n".join(long)


def test_scripts_are_short():
    long = []
    for path in tracked("tools/*", "tests/*.py", "bench/*.py", ".ci/*"):
        if path.suffix in (".py", ".sh", "") and path.name not in ("go.sum",):
            lines = path.read_text(errors="replace").count("\n")
            if lines > SOURCE_LINES_MAX:
                long.append(f"{path.relative_to(ROOT)}: {lines} lines")
    assert not long, "\n".join(long)


def test_every_source_is_compiled():
    databases = sorted((ROOT / "build").glob("*/compile_commands.json"))
    assert databases, "build first: make build"
    compiled = {entry["file"] for database in databases for entry in json.loads(database.read_text())}
    dead = [str(p.relative_to(ROOT)) for p in tracked("src/*.cc", "tests/integration/*.cc")
            if str(p) not in compiled]
    assert not dead, "in no target:\n" + "\n".join(dead)


# Headers whose structs are explained by what they are named after.
NAMED_AFTER_THE_KERNEL = {"src/fuse/protocol.h", "src/fuse/request.h"}


FORBIDDEN = {
    r"\busing namespace std\b": "spell std::",
    r"\bTODO\b|\bFIXME\b|\bXXX\b": "an issue, not a comment",
    r"std::this_thread::sleep|\busleep\(|\bnanosleep\(": "wait for a condition",
}


def test_forbidden_words(sources):
    wrong = []
    for path in sources:
        text = path.read_text()
        for pattern, why in FORBIDDEN.items():
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {match.group()}: {why}")
    assert not wrong, "\n".join(wrong)


def test_public_headers_document_their_declarations():
    """Every class, struct and enum of a header outside testing/ has a /// or // above it."""
    declared = re.compile(r"^(?:template <[^>]*>\n)?(?:class|struct|enum class) (?:\[\[nodiscard\]\] )?(\w+)[^;]*?\{",
                          re.M)
    bare = []
    for path in tracked("src/*.h"):
        if "testing" in path.parts or str(path.relative_to(ROOT)) in NAMED_AFTER_THE_KERNEL:
            continue
        text = path.read_text()
        for match in declared.finditer(text):
            before = text[:match.start()].rstrip("\n").splitlines()
            if not before or not before[-1].lstrip().startswith("//"):
                bare.append(f"{path.relative_to(ROOT)}: {match.group(1)}")
    assert not bare, "declarations without a comment:\n" + "\n".join(bare)
