"""Each promise of docs/SEMANTICS.md names at least one test, and each of those exists."""

import re

from conftest import ROOT

SENTENCE = re.compile(r"^- \*\*(S-[A-Z]\d+)\*\* (.*)$", re.M)
REFERENCE = re.compile(r"(fs_test|posix): ([\w/]+(?:\.\w+)?)")


def sentences() -> dict[str, str]:
    found = SENTENCE.findall((ROOT / "docs/SEMANTICS.md").read_text())
    numbers = [number for number, _ in found]
    assert len(numbers) == len(set(numbers)), "a number is used twice"
    return dict(found)


def unit_tests() -> set[str]:
    """Suite.Name; of a parameterized suite with the instance in front, as gtest prints it."""
    names: set[str] = set()
    for path in (ROOT / "src/fs").glob("*_test.cc"):
        text = path.read_text()
        names |= {f"{suite}.{name}"
                  for suite, name in re.findall(r"\bTEST(?:_F)?\(\s*(\w+),\s*(\w+)\)", text)}
        for instance, suite in re.findall(r"INSTANTIATE_TEST_SUITE_P\(\s*(\w+),\s*(\w+)", text):
            names |= {f"{instance}/{suite}.{name}"
                      for name in re.findall(rf"\bTEST_P\(\s*{suite},\s*(\w+)\)", text)}
    return names


def posix_tests() -> set[str]:
    return {name for path in (ROOT / "tests/integration/posix").rglob("test_*.py")
            for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.M)}


def test_the_document_has_sentences():
    assert len(sentences()) >= 30


def test_every_bullet_is_a_numbered_sentence():
    text = (ROOT / "docs/SEMANTICS.md").read_text()
    assert len(re.findall(r"^- ", text, re.M)) == len(sentences())


def test_every_sentence_is_proved_by_tests_that_exist():
    tests = {"fs_test": unit_tests(), "posix": posix_tests()}
    wrong = []
    for number, text in sentences().items():
        references = REFERENCE.findall(text)
        if not references:
            wrong.append(f"{number} names no test")
        wrong += [f"{number} names {kind}: {name}, which does not exist"
                  for kind, name in references if name not in tests[kind]]
    assert not wrong, "\n".join(wrong)
