# SPDX-License-Identifier: Apache-2.0
"""The command line: build, enter namespaces, run scenarios, tell."""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from harness import (acl_rules, af_xdp, callgrind, chain, connections, filter, footprint, idle,
                     iperf_tap, isolation, latency, move, nat, openflow, report, scaling, verify, vhost_rates)
from harness.lab import BenchError, Lab, run

SCENARIOS = {module.NAME: module for module in (
    *vhost_rates.SCENARIOS, *connections.SCENARIOS, *latency.SCENARIOS, *footprint.SCENARIOS,
    *af_xdp.SCENARIOS, iperf_tap, filter, nat, openflow, *scaling.SCENARIOS, *verify.SCENARIOS,
    chain, isolation, idle, callgrind, acl_rules, move)}
INSIDE = "XVS_BENCH_INSIDE"  # set in the namespaces


def parse(description):
    parser = argparse.ArgumentParser(
        prog="tools/bench", description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="scenarios:\n" + "".join(
            f"  {name:14} {module.SUMMARY}\n" for name, module in SCENARIOS.items()))
    parser.add_argument("--only", metavar="NAME", action="append", choices=SCENARIOS,
                        help="run this scenario (may be given several times)")
    parser.add_argument("--rounds", metavar="N", type=int, default=3,
                        help="rounds of which the median is taken; 3 or more say something")
    parser.add_argument("--seconds", metavar="N", type=int, default=3,
                        help="measured seconds of one run")
    parser.add_argument("--quick", action="store_true",
                        help="one round of one second each: to see that all of it runs")
    parser.add_argument("--hugepages", action="store_true",
                        help="reserve huge pages for peers built on DPDK while it runs; xvs needs "
                        "none, and without this option they have none either")
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-", type=str,
                        help="write the figures to FILE; without FILE: to standard output, and "
                             "no table")
    parser.add_argument("--setup", action="store_true", help="install the packages needed first")
    parser.add_argument("--build-dir", metavar="DIR", type=pathlib.Path,
                        help="use what is built there, build nothing")
    args = parser.parse_args()
    if args.quick:
        args.rounds = args.seconds = 1
    if args.rounds < 1 or args.seconds < 1:
        parser.error("--rounds and --seconds must be at least 1")
    return args


def chosen(args):
    """The scenarios asked for; else those that are usual."""
    names = args.only or [name for name, module in SCENARIOS.items() if module.IS_USUAL]
    return [SCENARIOS[name] for name in SCENARIOS if name in names]


def check_tools(scenarios):
    tools = {tool for module in scenarios for tool in module.TOOLS}
    missing = sorted(tool for tool in tools if not shutil.which(tool))
    if missing:
        raise BenchError(f"{', '.join(missing)}: not installed; run tools/bench --setup")


def build(root, scenarios):
    """The release preset, only what the scenarios need."""
    targets = sorted({target for module in scenarios for target in module.TARGETS})
    print("bench: building", file=sys.stderr)
    run("cmake", "--preset", "release", cwd=root)
    run("cmake", "--build", "--preset", "release", "--target", *targets, "--", "--quiet", cwd=root)
    return root / "build" / "release"


def enter_namespaces(build_dir):
    """The same command again, as the first process of namespaces that end with it."""
    if os.geteuid() != 0:
        raise BenchError("makes namespaces and devices of its own, which only root may; "
                         "run sudo tools/bench")
    os.environ[INSIDE] = str(build_dir)
    os.execvp("unshare", ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
                          "--mount-proc", sys.executable, *sys.argv])


def stop(_signal, _frame):
    sys.exit(130)


def measure(scenarios, lab, args):
    results = []
    for module in scenarios:
        print(f"bench: {module.NAME}", file=sys.stderr)
        results.append(measure_one(module, lab, args))
        if args.json != "-":
            report.print_result(results[-1])
    return results


def measure_one(module, lab, args):
    """A scenario that fails is told in its place; the others go on."""
    started = time.monotonic()
    try:
        result = module.measure(lab, args)
    except BenchError as error:
        why = str(error).splitlines()[0][:300]
        result = {"scenario": module.NAME, "title": module.SUMMARY, "columns": ["not measured"],
                  "rows": [[why]], "notes": [], "data": None, "missing": {"all": why}}
    result["took_s"] = time.monotonic() - started
    print(f"bench: {module.NAME} took {result['took_s']:.0f} s", file=sys.stderr)
    return result


def run_inside(root, args, scenarios):
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    with Lab(root, pathlib.Path(os.environ[INSIDE]), args.hugepages) as lab:
        results = measure(scenarios, lab, args)
    if args.json:
        report.write_json(results, args.json)
    if args.json != "-":
        report.print_goals(results)
        report.print_note()


def main(root, description):
    args = parse(description)
    scenarios = chosen(args)
    try:
        if INSIDE in os.environ:
            run_inside(root, args, scenarios)
            return 0
        if args.setup:
            subprocess.run([root / "tools" / "setup", "build", "run", "bench"], check=True,
                           stdout=sys.stderr)
        check_tools(scenarios)
        enter_namespaces(args.build_dir.resolve() if args.build_dir else build(root, scenarios))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"bench: {error.cmd[0]} ended with {error.returncode}", file=sys.stderr)
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
    return 1
