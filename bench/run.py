#!/usr/bin/env python3
"""Runs the benchmarks and writes their medians as JSON and as a table.

    bench/run.py                      all
    bench/run.py cold_seq warm_read warm_mmap
                                      the data plane alone; needs no cluster
    bench/run.py control              the control plane on $KUBECONFIG's cluster
"""

import argparse
import pathlib

import measure

SCENARIOS = ("cold_seq", "warm_read", "warm_mmap", "control")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--datashim", type=pathlib.Path, default=measure.ROOT / "build/release/src/datashim")
    parser.add_argument("--out", type=pathlib.Path, default=measure.ROOT / "build/bench/results.json")
    args = parser.parse_args()
    unknown = set(args.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")

    chosen = args.scenarios or SCENARIOS
    report = measure.Report()
    warm = [name for name in chosen if name.startswith("warm_")]
    if "cold_seq" in chosen:
        import read
        read.cold_sequential(report, args.datashim, args.rounds)
    if warm:
        import read
        read.warm_reads(report, args.datashim, args.rounds, warm)
    if "control" in chosen:
        import control
        control.run(report, args.rounds)
    report.write(args.out)
    print(report.table())
    print(f"\nmedians: {args.out}")


if __name__ == "__main__":
    main()
