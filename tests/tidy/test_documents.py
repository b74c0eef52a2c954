"""Documents lead somewhere: links exist, and a decision has a number of its own."""

import re

from conftest import ROOT, tracked

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def test_links_lead_to_files():
    broken = [f"{path.relative_to(ROOT)}: {target}" for path in tracked("*.md")
              for target in LINK.findall(path.read_text()) if not (path.parent / target).exists()]
    assert not broken, "\n".join(broken)


def test_decisions_have_numbers_of_their_own():
    numbers = {}
    for path in sorted((ROOT / "docs/adr").glob("*.md")):
        number = path.name[:4]
        assert path.read_text().startswith(f"# {number}: "), f"{path.name}: its title has another number"
        assert number not in numbers, f"{path.name} and {numbers[number]} have one number"
        numbers[number] = path.name
