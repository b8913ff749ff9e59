# SPDX-License-Identifier: Apache-2.0
"""What extensions cost a packet of an established flow: bench/micro/path_bench.c."""

import json

from harness import report
from harness.lab import run

NAME = "chain"
SUMMARY = "time a packet with 0, 4 and 16 extensions, in process, no device"
IS_USUAL = True
TOOLS = ()
TARGETS = ("path_bench",)
FLOWS = (1, 64, 10000)
ROUNDS_MIN = 15  # short ones, so that few are disturbed
PACKETS = 500000
BATCH_COUNT = 16
COLUMNS = ["chain", "flows", "ns", "cycles", "least ns", "rate to none", "of least",
           "without generator", "ns each"]


def row(case, figures, one):
    """One case: 'rate' is packets a second against no extension; 'net' leaves the generator out."""
    cost, least = one["ns"], one["least_ns"]
    none = figures["cases"]["none"]["ns"]
    generator = figures["generator_ns"]
    facts = {
        "ns": cost,
        "cycles": cost * figures["cycles_per_ns"],
        "least_ns": least,
        "rate_to_none": none / cost,
        "least_to_none": figures["cases"]["none"]["least_ns"] / least,
        "net_to_none": report.ratio(none - generator, cost - generator),
        "ns_each": None,
    }
    if case == "batch-16":
        facts["ns_each"] = (cost - none) / BATCH_COUNT
    return facts


def measure(lab, args):
    rounds = max(args.rounds, ROUNDS_MIN)
    said = run(lab.program("bench/path_bench"), "--json", "--rounds", rounds, "--packets",
               PACKETS, "--core", lab.switch_core)
    rows, data = [], []
    for figures in map(json.loads, said.splitlines()):
        for case, one in figures["cases"].items():
            facts = row(case, figures, one)
            data.append({"case": case, "flows": figures["flows"], "misses": one["misses"],
                         "generator_ns": figures["generator_ns"], **facts})
            rows.append([case, str(figures["flows"]), *[facts[key] for key in (
                "ns", "cycles", "least_ns", "rate_to_none", "least_to_none", "net_to_none",
                "ns_each")]])
    generators = ", ".join(
        f"{figures['generator_ns']:.0f} ns ({figures['flows']} flows)"
        for figures in map(json.loads, said.splitlines()))
    return {
        "scenario": NAME,
        "title": f"64-byte UDP, one worker, median of {rounds} interleaved rounds",
        "columns": COLUMNS, "rows": rows, "data": data,
        "notes": ["judge: asked once a flow, on ingress and on egress; batch: called with every "
                  "batch on ingress.",
                  "Processor time of the worker, its loop included; cycles of the time stamp "
                  "counter.",
                  f"Generator and counter alone: {generators}.",
                  "least: of the round that others disturbed least.",
                  "without generator: rate to none with the generator's time taken off both."],
    }
