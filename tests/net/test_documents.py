# SPDX-License-Identifier: Apache-2.0
"""Examples of configuration in documents are accepted, and the manual has each key.  No traffic."""

import json
import pathlib
import re
import shlex

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "operator.md"]
FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIELD = r"(?:[a-z_]+=(?:'[^']*'|[^\s'#`]+)|'[^']+')"
SET = re.compile(rf"xvsctl policy set (\S+) ((?:xvs|org\.xvs)\.\S+) ({FIELD}(?: {FIELD})*)")
CHAIN = [{"instance": name, "extension": f"org.xvs.{name}"} for name in ("guard", "secgroup")]
# What the text around an example takes for granted.
PORTS = ("vm1", "web", "ids")
GROUPS = ("web",)
SESSIONS = [{"name": "probe", "by_rules": True, "to": ["ids"]}]
UPLINKS = [{"name": "up0", "device": "eth0"}, {"name": "up1", "device": "eth1"}]


def numbered(page, pattern):
    """(text, id of the test) of each piece of a page that fits."""
    text = page.read_text(encoding="utf-8")
    return [pytest.param(found, id=f"{page.name}:{text.count(chr(10), 0, found.start()) + 1}")
            for found in pattern.finditer(text)]


def switch_of(fragment):
    """A whole switch around what an example shows of it."""
    if not set(fragment) <= {"uplinks", "host_ports", "team", "groups", "ports", "chain",
                             "policies", "nat", "dhcp"}:
        fragment = {"policies": fragment}
    switch = {"name": "lab", "type": "internal" if "dhcp" in fragment else "external",
              "chain": CHAIN, "ports": [], "groups": [], "policies": {}, **fragment}
    add_missing(switch["ports"], PORTS)
    add_missing(switch["groups"], GROUPS)
    switch["policies"].setdefault("xvs.mirror/1", {"sessions": SESSIONS})
    for port in switch["ports"]:
        port.setdefault("backend", {"kind": "null"})
    return switch


def add_missing(entries, names):
    known = {entry["name"] for entry in entries}
    entries += [{"name": name} for name in names if name not in known]


def assert_accepted(check, config):
    done = check(json.dumps(config))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("found", [param for page in PAGES for param in numbered(page, FENCE)])
def test_an_example_of_the_file_is_accepted(found, check):
    document = yaml.safe_load(found[1].replace("{...}", '{kind: "null"}'))
    if "switches" not in document:
        document = {"switches": [switch_of(document)]}
    assert_accepted(check, document)


def value_of(text):
    return json.loads(text) if text.startswith(("[", "{")) else yaml.safe_load(text)


@pytest.mark.parametrize("found", [param for page in PAGES for param in numbered(page, SET)])
def test_an_example_of_a_policy_is_accepted(found, check):
    target, feature, words = found.groups()
    fields = dict(word.split("=", 1) for word in shlex.split(words))
    policies = {feature: {name: value_of(text) for name, text in fields.items()}}
    _, _, port = target.partition("/")
    fragment = {"ports": [{"name": port, "policies": policies}]} if port else {"policies": policies}
    assert_accepted(check, {"switches": [switch_of({"uplinks": UPLINKS, **fragment})]})


def test_there_are_examples():
    assert len(numbered(PAGES[1], FENCE)) > 10 and len(numbered(PAGES[1], SET)) > 10


def keys(schema):
    """Names in a JSON Schema, those of policies and of what only may be refused excepted."""
    found = set()
    for name, part in schema.get("properties", {}).items():
        if part.get("const") is not False and part.get("maxItems") != 0:
            found |= {name} | (set() if name == "policies" else keys(part))
    for part in [schema.get("items"), *schema.get("anyOf", []), *schema.get("oneOf", [])]:
        found |= keys(part) if isinstance(part, dict) else set()
    return found


def test_the_manual_has_each_key_of_the_configuration(xvsd):
    wanted = keys(xvsd("switches: []\n").rpc("config.schema"))
    assert {"switches", "take_addresses", "udp_inbound_refresh", "confirm_host"} <= wanted
    page = (ROOT / "docs" / "man" / "xvs.yaml.5").read_text(encoding="utf-8")
    told = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"(?:Cm|Ss) (.*)", page))))
    assert sorted(wanted - told) == []
