# SPDX-License-Identifier: Apache-2.0
"""xvsctl events: controllers that come and go, their roles, tables that are full, who forwards.

    [ lab: org.xvs.openflow ] --- punix: --- os-ken's messages
"""

import contextlib

from support.controller import Controller
from support.openflow import lab_at
from support.patience import wait_for


def told(lab):
    """An extension's words are limited to ten and one a second: so nobody else speaks here."""
    events = lab.daemon.ctl_json("events")["events"]
    return "\n".join(e["text"] for e in events if e["id"] == "XVS-0040")


def test_events_tell_of_controllers_roles_full_tables_and_the_fail_mode(tmp_path):
    with lab_at(tmp_path, fail_mode="standalone", flows_max=2) as lab:
        with contextlib.closing(Controller(lab.calls())) as peer:
            peer.ask("RoleRequest", peer.ofproto.OFPCR_ROLE_MASTER, 1)
            match = peer.parser.OFPMatch
            for port in (1, 2, 3, 4):
                peer.is_refused("FlowMod", match=match(in_port=port), priority=1)
            peer.is_refused("FlowMod", command=peer.ofproto.OFPFC_DELETE, table_id=0,
                            out_port=peer.ofproto.OFPP_ANY, out_group=peer.ofproto.OFPG_ANY)
            for port in (1, 2, 3):
                peer.is_refused("FlowMod", match=match(in_port=port), priority=1)
            lines = told(lab)
            assert "is connected, OpenFlow 1.3" in lines and "is master now" in lines
            assert lines.count("flow table 0 takes no more flows: it has 2") == 2
            assert "the flow tables forward" in lines
            ends = lines.count("has gone")
            switched = lines.count("the built-in switch forwards")
        wait_for("its end", lambda: told(lab).count("has gone") > ends and
                 told(lab).count("the built-in switch forwards") > switched)
