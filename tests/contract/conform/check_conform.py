#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_conform.py faults|behaved|many KIT BUILD: what the conformance kit says of modules.

faults: each of the gallery breaks the rule that it was made for, and the kit says where.
behaved: some of our own extensions, and of the tests those that behave, break none.
many: nor does any other, with a million packets made by chance.
"""

import concurrent.futures
import json
import pathlib
import subprocess
import sys

# fault: (rule, what is said of it)
FAULTS = {
    **{f"crash_{where}": ("life", f"crashes in {call}()") for where, call in {
        "create": "create", "destroy": "destroy", "attach": "port_attach",
        "detach": "port_detach", "judge": "judge", "ingress": "ingress", "account": "account",
        "check": "policy_check", "apply": "policy_apply", "event": "port_event",
        "save": "save"}.items()},
    "crash_restore": ("state-hostile", "crashes in restore()"),
    "loop_create": ("life", "does not come to an end in 2 s, in create()"),
    "loop_judge": ("life", "does not come to an end in 2 s, in judge()"),
    "wild_write": ("const", "create() wrote into the host's table"),
    "write_inspect": ("const", "inspect() wrote into a packet"),
    "write_policy": ("const", "policy_apply() wrote into the value"),
    "leak_memory": ("leaks", "pieces of memory, the last of create()"),
    "leak_descriptor": ("leaks", "descriptors"),
    "leak_thread": ("leaks", "threads"),
    "leak_packet": ("drain", "packets were not given back"),
    "leak_prepared": ("leaks", "pieces of memory, the last of policy_check()"),
    "lie_examined": ("flows", "equal in all bits"),
    "garbage_result": ("results", "port_attach() returned 5"),
    "garbage_verdict": ("results", "the action 99"),
    "keep_batch": ("borrowed", "crashes in judge()"),
    "keep_value": ("borrowed", "crashes in policy_apply()"),
    "keep_name": ("borrowed", "crashes in port_detach()"),
    "huge_policy": ("load", "xvs_feature.bytes is"),
    "wrong_size": ("load", "size is 8"),
    "slow_save": ("deadlines", "save() never took less"),
    "endless_save": ("state-round", "save() has still something to write"),
    "exit_attach": ("process", "ends the process in port_attach()"),
    "fork_attach": ("life", "goes on in one that it has made"),
    "print_attach": ("life", "ends the process in port_attach()"),
    "fork_active": ("process", "active() made a process"),
    "block_signals": ("process", "create() blocked signals"),
    "close_descriptors": ("process", "create() closed a descriptor"),
    "constructor": ("constructors", "has 1 constructors"),
    "undefined_symbol": ("symbols", "needs nobody_has_this"),
    "check_effect": ("atomic", "only checked has changed verdicts"),
    "apply_fails": ("memory", "crashes in policy_apply()"),
    "unchecked_memory": ("memory", "crashes in create()"),
    "unchecked_service": ("services", "crashes in create()"),
    "worker_memory": ("workers", "judge() allocated memory"),
    "worker_call": ("workers", "judge() made the system call"),
    "wrong_thread": ("workers", "judge() called defer()"),
    "drop_unconfigured": ("harmless", "ARP or neighbour discovery does not pass"),
    "old_format": ("state-formats", "refuses a record of format 1"),
    "forget_state": ("state-round", "saves another"),
}
ALL = ["extensions/*.so", "test-extensions/vendor_*.so", "test-extensions/ext_unloadable.so",
       "test-extensions/bad/none.so"]
SOME = ["extensions/guard.so", "test-extensions/vendor_shaper.so", "test-extensions/bad/none.so"]
UNTRIED = "this kernel does not tell"


def conform(kit, module, *options):
    """(exit status, report)"""
    run = subprocess.run([kit, "--json", "-", *options, module], text=True, capture_output=True,
                         check=False)
    return run.returncode, json.loads(run.stdout[run.stdout.index("\n{") + 1:])


def check_fault(kit, build, fault):
    rule, said = FAULTS[fault]
    deadline = "2" if fault.startswith("loop") else "60"
    status, report = conform(kit, build / f"test-extensions/bad/{fault}.so", "--only", rule,
                             "--deadline", deadline)
    found = next((one for one in report["rules"] if one["rule"] == rule), {})
    if found.get("result") == "not tried" and UNTRIED in found["finding"]:
        return
    if status != 1 or report["conforms"] or found.get("result") != "broken":
        yield f"{fault}: {rule} should be broken: {status} {found}"
    elif said not in found["finding"]:
        yield f"{fault}: {rule} is broken, but \"{found['finding']}\" is not \"{said}\""


def check_behaved(kit, module, *options):
    status, report = conform(kit, module, *options)
    _, part = conform(kit, module, *options, "--only", "constructors")
    if part["conforms"] or part["only"] != "constructors":
        yield f"{module.name}: conforms, by one rule alone"
    for one in report["rules"]:
        if one["result"] == "broken":
            yield f"{module.name}: {one['rule']} is broken: {one['finding']}"
    if (status == 0) != report["conforms"] or len(report["sha256"]) != 64:
        yield f"{module.name}: status {status}, {report['sha256']}"


def main(what, kit, build):
    build = pathlib.Path(build)
    gallery = {path.stem for path in (build / "test-extensions/bad").glob("*.so")}
    found = [f"{fault}: in the gallery, but no rule is named for it"
             for fault in gallery ^ set(FAULTS) if fault != "none"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        if what == "faults":
            jobs = [pool.submit(lambda name: list(check_fault(kit, build, name)), fault)
                    for fault in sorted(FAULTS)]
        else:
            packets, which = ("1000000", ALL) if what == "many" else ("2000", SOME)
            modules = [path for pattern in which for path in sorted(build.glob(pattern))]
            jobs = [pool.submit(lambda path: list(check_behaved(kit, path, "--packets", packets)),
                                module) for module in modules]
        found += [line for job in jobs for line in job.result()]
    for line in found:
        print(line)
    print(f"conform: {len(jobs)} {what}, {len(found)} complaints")
    return 1 if found or not jobs else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
