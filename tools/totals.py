#!/usr/bin/env python3
"""Sums the JUnit files below folders: "N passed, N failed, N skipped"."""

import argparse
import pathlib
import xml.etree.ElementTree as ElementTree


def count(folders: list[pathlib.Path]) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for report in (report for folder in folders for report in folder.rglob("*.xml")):
        for case in ElementTree.parse(report).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif case.find("skipped") is not None or case.get("status") == "notrun":
                skipped += 1
            else:
                passed += 1
    return passed, failed, skipped


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=pathlib.Path, nargs="+", metavar="folder")
    parser.add_argument("--failed", action="store_true", help="print the failed ones only")
    args = parser.parse_args()
    passed, failed, skipped = count(args.folders)
    print(failed if args.failed else f"{passed} passed, {failed} failed, {skipped} skipped")


if __name__ == "__main__":
    main()
