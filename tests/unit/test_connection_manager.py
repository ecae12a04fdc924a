"""The connection manager: who is a member, who must stop, who may work, and what becomes of requests."""

from dataclasses import replace
from typing import Any

import pytest

from drivers.cluster.request import NodeLost
from emu.core.chance import Chance
from emu.core.clock import MILLISECOND_NS
from emu.sim.lan import Weather
from tests.unit.cluster_stage import Echo, Members

THREE = {"ALPHA1": 1, "ALPHA2": 1, "VAX1": 1}
BAD = Weather(latency_ns=(MILLISECOND_NS, 30 * MILLISECOND_NS), loss=0.15, doubling=0.1)


def test_nodes_that_boot_together_form_one_cluster() -> None:
    members = Members(THREE)
    members.run(6)
    (view,) = members.views()
    assert sorted(view) == ["ALPHA1", "ALPHA2", "VAX1"]
    assert {node.manager.view.quorum for node in members.nodes.values() if node.manager.view} == {2}
    csids = [member.csid for member in members.nodes["ALPHA1"].manager.view.members]  # type: ignore[union-attr]
    assert csids == [0x10001, 0x10002, 0x10003]
    assert all(node.works for node in members.nodes.values())


def test_a_node_that_comes_later_joins() -> None:
    members = Members({"ALPHA1": 1})
    members.run(6)
    members.votes["VAX1"] = 1
    members.heard["VAX1"] = []
    members.boot("VAX1")
    members.run(4)
    assert members.views() == {("ALPHA1", "VAX1")}
    assert "ALPHA1: %CNXMAN, Now a VMScluster member -- system VAX1" in members.said


def test_a_node_waits_for_the_votes_that_it_expects() -> None:
    members = Members({"ALPHA1": 1}, expected_votes=2)
    members.run(60)
    assert members.nodes["ALPHA1"].manager.view is None
    members.votes["VAX1"] = 1
    members.heard["VAX1"] = []
    members.boot("VAX1")
    members.run(10)
    assert members.views() == {("ALPHA1", "VAX1")}


def test_a_node_that_dies_without_a_word_is_removed_after_recnxinterval() -> None:
    members = Members(THREE)
    members.run(6)
    members.crash("VAX1")
    members.run(27)
    assert members.views("ALPHA1", "ALPHA2") == {("ALPHA1", "ALPHA2", "VAX1")}
    members.run(7)
    assert members.views("ALPHA1", "ALPHA2") == {("ALPHA1", "ALPHA2")}
    assert members.nodes["ALPHA1"].works


def test_a_node_that_is_booted_again_returns_at_once_in_a_new_life() -> None:
    members = Members(THREE)
    members.run(6)
    old = members.nodes["ALPHA1"].manager.csid
    members.crash("ALPHA1")
    members.run(1)
    members.boot("ALPHA1")
    members.run(6)
    assert members.views() == {("ALPHA2", "VAX1", "ALPHA1")}
    assert members.nodes["ALPHA1"].manager.csid > old
    assert members.exits == {}


def test_a_connection_that_comes_back_in_time_costs_nothing() -> None:
    members = Members(THREE)
    members.run(6)
    answers: list[Any] = []
    members.lan.isolate("VAX1")
    members.run(12)
    members.nodes["ALPHA1"].request("VAX1", Echo(b"late"), answers.append)
    members.run(5)
    members.lan.mend()
    members.run(5)
    assert answers == [b"late"]
    assert members.views() == {("ALPHA1", "ALPHA2", "VAX1")}
    assert members.exits == {}


def test_who_was_removed_while_its_cable_was_broken_must_stop() -> None:
    members = Members(THREE)
    members.run(6)
    members.lan.isolate("VAX1")
    members.run(13)
    assert not members.nodes["VAX1"].works  # long before the others remove it
    assert members.views("ALPHA1") == {("ALPHA1", "ALPHA2", "VAX1")}
    members.run(25)
    assert members.views("ALPHA1", "ALPHA2") == {("ALPHA1", "ALPHA2")}
    assert members.views("VAX1") == {("ALPHA1", "ALPHA2", "VAX1")}
    members.lan.mend()
    members.run(5)
    assert list(members.exits) == ["VAX1"]


def test_of_two_changes_of_one_epoch_the_one_without_the_votes_gives_way() -> None:
    stage = Members({"ALPHA1": 2, "ALPHA2": 2, "VAX1": 1})
    stage.run(6)
    manager = stage.nodes["VAX1"].manager
    view = manager.view
    assert view is not None
    stage.lan.isolate("VAX1")
    # ALPHA2 had agreed that ALPHA1 is removed, and never heard that it was so.
    left = tuple(member for member in view.members if member.name != "ALPHA1")
    manager._apply(replace(view, epoch=view.epoch + 1, members=left))
    stage.run(40)
    assert stage.views("ALPHA1", "ALPHA2") == {("ALPHA1", "ALPHA2")}
    assert stage.nodes["ALPHA1"].manager.view.epoch == manager.view.epoch  # type: ignore[union-attr]
    stage.lan.mend()
    stage.run(6)
    assert stage.exits.keys() == {"VAX1"}
    assert stage.nodes["ALPHA1"].works
    stage.boot("VAX1")
    stage.run(6)
    assert len(stage.nodes["VAX1"].nodes) == 3


def test_half_of_the_votes_is_not_enough_to_remove_anybody() -> None:
    members = Members({"ALPHA1": 1, "VAX1": 1})
    members.run(6)
    members.lan.isolate("VAX1")
    members.run(120)
    assert [node.works for node in members.nodes.values()] == [False, False]
    assert members.views() == {("ALPHA1", "VAX1")}
    members.lan.mend()
    members.run(10)
    assert [node.works for node in members.nodes.values()] == [True, True]
    assert members.exits == {}
    assert "VAX1: %CNXMAN, Quorum regained, resuming activity" in members.said


def test_two_of_three_that_do_not_see_each_other_do_not_both_go_on() -> None:
    members = Members(THREE)
    members.run(6)
    members.lan.cut("ALPHA1", "ALPHA2")
    members.run(60)
    assert members.views("ALPHA1", "VAX1") == {("ALPHA1", "VAX1")}
    assert list(members.exits) == ["ALPHA2"]


def test_a_node_that_leaves_takes_its_votes_along() -> None:
    members = Members({"ALPHA1": 1, "VAX1": 1})
    members.run(6)
    members.nodes["VAX1"].manager.leave()
    members.run(2)
    assert members.views("ALPHA1") == {("ALPHA1",)}
    assert members.nodes["ALPHA1"].works
    assert "VAX1" in members.exits


@pytest.mark.parametrize("length", [0, 1, 112, 113, 5_000])
def test_requests_of_any_length_are_answered(length: int) -> None:
    members = Members(THREE)
    members.run(6)
    answers: list[Any] = []
    data = Chance(1).stream("data").randbytes(length)
    for name in THREE:
        members.nodes["ALPHA2"].request(name, Echo(data), answers.append)
    members.run(1)
    assert answers == [data] * 3


def test_a_request_to_a_node_that_is_lost_ends_with_node_lost() -> None:
    members = Members(THREE)
    members.run(6)
    answers: list[Any] = []
    members.crash("VAX1")
    members.nodes["ALPHA1"].request("VAX1", Echo(b"x"), answers.append)
    members.run(60)
    members.nodes["ALPHA1"].request("VAX1", Echo(b"x"), answers.append)
    members.run(1)
    assert [type(answer) for answer in answers] == [NodeLost] * 2
    assert str(answers[0]) == "%SYSTEM-F-NODELEAVE, node VAX1 has left the cluster"


@pytest.mark.parametrize("seed", range(8))
def test_requests_are_heard_once_and_in_order_over_a_bad_lan_that_breaks(seed: int) -> None:
    members = Members(THREE, seed=seed, weather=BAD)
    members.run(30)
    assert len(members.views()) == 1
    stream = Chance(seed).stream("requests")
    answers: list[Any] = []
    sent = []
    for number in range(120):
        data = bytes((number,)) * stream.choice((1, 50, 3_000))
        sent.append(data)
        members.nodes["ALPHA1"].request("VAX1", Echo(data), answers.append)
        members.run(stream.random() / 4)
        if number % 40 == 20:
            members.lan.isolate("VAX1")
            members.run(11 + 6 * stream.random())
            members.lan.mend()
            members.run(10)
    members.run(60)
    assert members.exits == {}
    assert members.heard["VAX1"] == sent
    assert answers == sent


@pytest.mark.parametrize("seed", range(10))
def test_whatever_breaks_never_do_two_halves_work(seed: int) -> None:
    names = ("ALPHA1", "ALPHA2", "ALPHA3", "VAX1", "VAX2")
    members = Members(dict.fromkeys(names, 1), seed=seed, weather=BAD, expected_votes=5)
    members.run(30)
    stream = Chance(seed).stream("breaks")
    for _ in range(12):
        if stream.random() < 0.7:
            one, other = stream.sample(names, 2)
            members.lan.cut(one, other, both=stream.random() < 0.5)
        else:
            members.lan.mend()
        for _ in range(20):
            members.run(1)
            working = [
                node
                for name, node in members.nodes.items()
                if node.works and not node.platform.halted and name not in members.exits
            ]
            founded = {node.manager.view.founded for node in working if node.manager.view}
            assert len(founded) <= 1
            for node in working:
                epochs = {n.manager.view.epoch: n.nodes for n in working if n.manager.view}
                assert len(epochs) <= 2  # a change may be under way
                assert node.node in node.nodes
    members.lan.mend()
    for name in members.exits:
        if members.nodes[name].platform.halted:
            members.boot(name)
    members.run(90)
    alive = [name for name in names if not members.nodes[name].platform.halted]
    assert len(members.views(*alive)) == 1
    assert len(alive) >= 3


def test_show_cluster_lists_members_with_what_they_can_and_whether_they_are_reached() -> None:
    members = Members(THREE)
    members.nodes["VAX1"].manager.capabilities = 0
    members.run(6)
    members.lan.isolate("VAX1")
    members.run(14)
    rows = members.nodes["ALPHA2"].systems
    assert [(row.name, row.csid, row.status, row.bitmaps) for row in rows] == [
        ("ALPHA1", 0x10001, "MEMBER", "MINICOPY"),
        ("ALPHA2", 0x10002, "MEMBER", "MINICOPY"),
        ("VAX1", 0x10003, "BRK_MEM", "UNSUPPORTED"),
    ]
    assert {row.software for row in rows} == {"VMS V7.3"}
    assert not members.nodes["ALPHA1"].minicopy_enabled
