#!/usr/bin/env python3
"""Runs the benchmarks; writes medians as JSON and as an SVG chart, and prints a table.

    bench/run.py                      all
    bench/run.py --data-only          all that needs no cluster
    bench/run.py cold_seq find_20k    some scenarios
    bench/run.py control              the control plane on $KUBECONFIG's cluster
    bench/run.py --list               what there is, with whom, and how long it takes

Peers: s3fs and rclone of Debian; others when a variable names the program:
DATASHIM_BENCH_GOOFYS, DATASHIM_BENCH_GEESEFS, DATASHIM_BENCH_MOUNTPOINT_S3.
"""

import argparse
import json
import pathlib

import chart
import contenders
import measure

# Seconds of a round with one contender, and of making the objects.
SECONDS = {"cold_seq": (3, 5), "cold_mmap": (3, 5), "cold_4_readers": (5, 10), "rand_256k": (7, 5),
           "small_files": (3, 2), "find_20k": (3, 10), "find_100k": (6, 45), "first_byte": (1, 2),
           "cold_seq_far": (7, 5), "warm_read": (1, 15), "warm_mmap": (1, 15), "control": (10, 210)}


def plan(chosen: list[str], programs: dict[str, str], rounds: int) -> str:
    lines = [f"{rounds} rounds and one that is thrown away, contenders in turn:"]
    lines += [f"  {name:<15}{contenders.version(name, path)} ({path})" for name, path in programs.items()]
    lines += [f"  {name:<15}not there; {contenders.variable(name)}=PATH names it"
              for name in contenders.COMMANDS if name not in programs]
    total = 0
    for name in chosen:
        a_round, start = SECONDS[name]
        many = 1 if name in ("warm_read", "warm_mmap", "control") else len(programs) + 1
        seconds = start + a_round * (rounds + 1) * many
        total += seconds
        lines.append(f"  {name:<15}about {seconds} s")
    return "\n".join([*lines, f"about {total // 60 + 1} minutes"])


def run_data(report: measure.Report, chosen: list[str], programs: dict[str, str], rounds: int) -> None:
    import cold
    import warm
    for name in chosen:
        print(f"{name} …", flush=True)
        with measure.Minio() as s3:
            if name in warm.WAYS:
                warm.run(report, s3, name, dict(programs), rounds)
            elif name == "first_byte":
                cold.first_byte(report, s3, dict(programs), rounds)
            elif name == "cold_seq_far":
                cold.shaped(report, s3, dict(programs), rounds)
            else:
                cold.run(report, s3, name, dict(programs), rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO",
                        help=f"of {', '.join(SECONDS)}; default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", action="append", default=[], metavar="CONTENDER", help="leaves one out")
    parser.add_argument("--datashim", type=pathlib.Path, default=measure.ROOT / "build/release/src/datashim")
    parser.add_argument("--out", type=pathlib.Path, default=measure.ROOT / "build/bench/results.json",
                        help="replaces the scenarios that were run, keeps the others")
    parser.add_argument("--data-only", action="store_true", help="leaves out control")
    parser.add_argument("--list", action="store_true", help="prints the plan and measures nothing")
    args = parser.parse_args()
    if unknown := set(args.scenarios) - set(SECONDS):
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(SECONDS)}")
    chosen = args.scenarios or [name for name in SECONDS if name != "control" or not args.data_only]
    programs = {name: path for name, path in contenders.programs(args.datashim).items() if name not in args.without}
    print(plan(chosen, programs, args.rounds), flush=True)
    if args.list:
        return

    report = measure.Report()
    try:
        run_data(report, [name for name in chosen if name != "control"], programs, args.rounds)
        if "control" in chosen:
            import control
            control.run(report, args.rounds)
    finally:
        results = json.loads(args.out.read_text()) if args.out.exists() else {}
        results.update(report.medians())
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
        args.out.with_suffix(".svg").write_text(chart.draw(results))
        print(report.table())
        print(f"\nmedians: {args.out}, chart: {args.out.with_suffix('.svg')}")


if __name__ == "__main__":
    main()
