"""A server of ours between two of Node.js, with each of their official adapters.

The numbers are those of the list of scenarios in docs/interop.rst: each is one thing that users of
a cluster can see.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.functional.interop.values import received, spelled, values
from tests.functional.members import ADAPTERS, Cluster, Failed, only
from tests.support import wait_until

EMOJI = "ünï 🎉"


def got(taken: dict[str, list[Any]]) -> str:
    """Who got something, as often as they did."""
    return "".join(sorted(name * len(events) for name, events in taken.items()))


def answers_that_came(wanted: list[str], ask: Callable[[float], Any]) -> None:
    """A question fails, with these answers of others; they get more time if they need it."""
    for seconds in (0.3, 1, 4, 16):
        with pytest.raises(Failed) as caught:
            ask(seconds)
        if sorted(caught.value.responses) == wanted:
            return
    pytest.fail(f"only {caught.value.responses} came")


def test_01_each_counts_three(cluster: Cluster) -> None:
    for member in (cluster.a, cluster.b):
        assert member("return await io.of('/').adapter.serverCount()") == 3
    assert cluster.p("nsp.server_count()") == 3


def test_02_a_namespace_of_ours_alone(cluster: Cluster) -> None:
    assert cluster.p("sio.of('/only-py').server_count()") == 1
    assert cluster.p("sio.of('/only-py').fetch()") == []


def test_03_04_everybody_hears_once(cluster: Cluster) -> None:
    cluster.a(f"io.emit('e', 1, '{EMOJI}')")
    assert cluster.take() == {name: [["e", 1, EMOJI]] for name in "abp"}
    cluster.p(f"nsp.emit('e', 2, '{EMOJI}')")
    assert cluster.take() == {name: [["e", 2, EMOJI]] for name in "abp"}


def test_05_06_rooms(cluster: Cluster) -> None:
    cluster.join("p", "r1", "r2")
    cluster.join("a", "r1")
    cluster.a("io.to('r1').emit('e'); io.to('r9').emit('e'); io.to(['r1', 'r2']).emit('f')")
    assert cluster.take() == {"a": [["e"], ["f"]], "b": [], "p": [["e"], ["f"]]}
    cluster.p("[nsp.to('r1').emit('e'), nsp.to('r9').emit('e'), nsp.to('r1', 'r2').emit('f')]")
    assert cluster.take() == {"a": [["e"], ["f"]], "b": [], "p": [["e"], ["f"]]}


def test_07_exceptions(cluster: Cluster) -> None:
    cluster.join("p", "r1")
    cluster.join("a", "r1")
    cluster.a("io.except('r1').emit('e')")
    assert got(cluster.take()) == "b"
    cluster.p("nsp.except_('r1').emit('e')")
    assert got(cluster.take()) == "b"
    cluster.a(f"io.except('{cluster.sids['p']}').emit('e')")
    assert got(cluster.take()) == "ab"
    cluster.p(f"nsp.except_('{cluster.sids['a']}').emit('e')")
    assert got(cluster.take()) == "bp"


def test_08_a_client_to_all_others(cluster: Cluster) -> None:
    cluster.crowd("clients.p.emit('broadcast', 'e', 7)")
    wait_until(lambda: cluster.crowd("return log.a.length"), what="the event")
    assert cluster.take() == {"a": [["e", 7]], "b": [["e", 7]], "p": []}


def test_09_private_messages(cluster: Cluster) -> None:
    cluster.a(f"io.to('{cluster.sids['p']}').emit('e')")
    cluster.p(f"nsp.to('{cluster.sids['b']}').emit('f')")
    assert cluster.take() == {"a": [], "b": [["f"]], "p": [["e"]]}


def test_10_values_from_node(cluster: Cluster) -> None:
    cluster.a(
        "io.emit('v', Buffer.from([1, 2]), {n: Buffer.alloc(300, 120)},"
        " new Date(1700000000123), undefined, NaN, 5e9, '" + EMOJI + "')"
    )
    assert cluster.take()["p"] == [
        [
            "v",
            {"hex": "0102"},
            {"n": {"hex": "78" * 300}},
            "2023-11-14T22:13:20.123Z",
            None,
            None,
            5_000_000_000,
            EMOJI,
        ]
    ]
    cluster.a("io.emit('v', new Date(1700000000123), -1, 1.5)")
    assert cluster.take()["p"] == [["v", "2023-11-14T22:13:20.123Z", -1, 1.5]]


def test_11_values_from_python(cluster: Cluster) -> None:
    cluster.p(
        "nsp.emit('v', b'\\1\\2', {'n': b'x' * 300}, __import__('datetime').datetime(2023, 11, 14,"
        " 22, 13, 20, 123000, tzinfo=__import__('datetime').UTC), None, 1.5, 2**40, 'ä' * 40,"
        f" float('nan'), '{EMOJI}')"
    )
    wanted = [
        "v",
        {"hex": "0102"},
        {"n": {"hex": "78" * 300}},
        "2023-11-14T22:13:20.123Z",
        None,
        1.5,
        2**40,
        "ä" * 40,
        None,
        EMOJI,
    ]
    assert cluster.take() == {name: [wanted] for name in "abp"}


def test_12_flags(cluster: Cluster) -> None:
    cluster.p("note_flags(nsp.adapter.local)")
    # What is volatile is dropped by a Node.js server whose last packet is still being written.
    for emit in (
        lambda: cluster.a("io.volatile.compress(false).emit('e')"),
        lambda: cluster.p("nsp.volatile.compress(False).emit('e')"),
    ):
        for _ in range(10):
            cluster.p("flags.clear()")
            emit()
            arrived = got(cluster.take())
            assert {"volatile": True, "compress": False} in cluster.p("flags")
            if arrived == "abp":
                break
        assert arrived == "abp"


def test_13_local(cluster: Cluster) -> None:
    cluster.a("io.local.emit('e')")
    cluster.p("nsp.local.emit('e')")
    assert got(cluster.take()) == "ap"


def test_14_17_everybody_answers(cluster: Cluster) -> None:
    answers = cluster.a("return await io.timeout(5000).emitWithAck('q', 7)")
    assert sorted(answers) == ["from a", "from b", "from p"]
    assert sorted(cluster.p("nsp.call('q', 7, timeout=5)")) == ["from a", "from b", "from p"]


def test_15_nobody_to_ask_at_some(cluster: Cluster) -> None:
    cluster.join("a", "r1")
    assert cluster.a("return await io.timeout(5000).to('r1').emitWithAck('q')") == ["from a"]
    assert cluster.p("nsp.to('r1').call('q', timeout=5)") == ["from a"]
    assert cluster.p("nsp.to('r9').call('q', timeout=5)") == []


def test_16_one_does_not_answer(cluster: Cluster) -> None:
    cluster.crowd("delete answers.p")
    answers_that_came(
        ["from a", "from b"],
        lambda seconds: cluster.a(f"return await io.timeout({seconds * 1000}).emitWithAck('q')"),
    )
    cluster.crowd("delete answers.a")
    answers_that_came(["from b"], lambda seconds: cluster.p(f"nsp.call('q', timeout={seconds})"))


def test_18_19_answers_with_binary_data_and_with_two_arguments(cluster: Cluster) -> None:
    cluster.crowd("answers.p = [Buffer.from([7, 8]), 2]; answers.a = [Buffer.from([9])]")
    at_a = cluster.a("return await io.timeout(5000).emitWithAck('q')")
    at_p = cluster.p("nsp.call('q', timeout=5)")
    for answers in (at_a, at_p):
        assert sorted(answers, key=str) == ["from b", {"hex": "0708"}, {"hex": "09"}]


def test_20_21_node_fetches_ours(cluster: Cluster) -> None:
    cluster.join("p", "pyroom")
    found = {socket["id"]: socket for socket in cluster.fetch_at_a()}
    assert set(found) == set(cluster.sids.values())
    ours = found[cluster.sids["p"]]
    assert ours["rooms"] == [cluster.sids["p"], "pyroom"]
    assert ours["data"] == {"user": "u-p"}
    assert ours["auth"] == {"user": "u-p"}
    assert ours["query"]["EIO"] == "4"
    answer = cluster.a(
        "const [s] = await io.in('pyroom').fetchSockets();"
        "return await s.timeout(5000).emitWithAck('q', 1)"
    )
    assert answer == "from p"


def test_22_ours_fetches_nodes(cluster: Cluster) -> None:
    cluster.join("a", "r1")
    cluster.join("b", "r1")
    assert set(cluster.p("[s.sid for s in nsp.fetch()]")) == set(cluster.sids.values())
    assert cluster.p(
        f"[(s.sid, sorted(s.rooms - {{s.sid}}), s.session['user'], s.handshake.query['EIO'])"
        f" for s in nsp.to('r1').except_('{cluster.sids['b']}').fetch()]"
    ) == [[cluster.sids["a"], ["r1"], "u-a", "4"]]


def test_23_what_is_done_to_fetched_ones(cluster: Cluster) -> None:
    cluster.a(
        f"const [s] = await io.in('{cluster.sids['p']}').fetchSockets();"
        "s.join(['x', 'y']); s.leave('y'); s.emit('e')"
    )
    assert cluster.take()["p"] == [["e"]]
    assert cluster.p("sorted(nsp.to('x').local.fetch()[0].rooms)") == sorted(
        [cluster.sids["p"], "x"]
    )
    cluster.p(f"[(s.join('x', 'y'), s.leave('y')) for s in nsp.to('{cluster.sids['a']}').fetch()]")
    rooms = f"return [...io.sockets.sockets.get('{cluster.sids['a']}').rooms]"
    wait_until(lambda: cluster.a(rooms) == [cluster.sids["a"], "x"], what="the room")
    cluster.a(f"(await io.in('{cluster.sids['p']}').fetchSockets())[0].disconnect(true)")
    cluster.p(f"[s.disconnect() for s in nsp.to('{cluster.sids['a']}').fetch()]")
    wait_until(lambda: not cluster.crowd("return clients.p.connected || clients.a.connected"))
    assert cluster.take()["p"][-1][0] == "disconnect"


def test_24_25_rooms_of_many(cluster: Cluster) -> None:
    rooms = "sorted(nsp.local.fetch()[0].rooms - {nsp.local.fetch()[0].sid})"
    cluster.join("p", "r")
    cluster.join("b", "r")
    cluster.a("io.in('r').socketsJoin(['x', 'y']); io.except('x').socketsJoin('z')")
    wait_until(lambda: cluster.p(rooms) == ["r", "x", "y"], what="the rooms")
    cluster.a("io.in('r').socketsLeave('y')")
    wait_until(lambda: cluster.p(rooms) == ["r", "x"], what="the rooms")
    cluster.p("[nsp.to('r').join('m', 'n'), nsp.to('m').leave('n')]")
    at_b = f"return [...io.sockets.sockets.get('{cluster.sids['b']}').rooms].slice(1)"
    wait_until(
        lambda: cluster.b(at_b) == ["r", "x", "y", "m"] or cluster.b(at_b) == ["r", "x", "m"]
    )
    assert cluster.p(rooms) == ["m", "r", "x"]


@pytest.mark.parametrize("close", ["false", "true"])
def test_26_disconnecting_many(cluster: Cluster, close: str) -> None:
    cluster.join("p", "r")
    cluster.a(f"io.in('r').disconnectSockets({close})")
    wait_until(lambda: not cluster.crowd("return clients.p.connected"), what="the end")
    assert cluster.take()["p"] == [["disconnect", "io server disconnect"]]
    cluster.join("b", "r")
    cluster.p(f"nsp.to('r').disconnect({close.title()})")
    wait_until(lambda: not cluster.crowd("return clients.b.connected"), what="the end")


def test_27_to_29_servers_among_themselves(cluster: Cluster) -> None:
    cluster.a("io.serverSideEmit('sse', 'hi', {a: 1})")
    wait_until(lambda: cluster.p("heard"), what="ours to hear")
    wait_until(lambda: cluster.b("return heard"), what="Node to hear")
    assert cluster.p("heard") == cluster.b("return heard") == [["hi", {"a": 1}]]
    assert cluster.a("return heard") == []
    assert sorted(cluster.a("return await io.serverSideEmitWithAck('sse', 1)")) == ["B", "python"]
    assert sorted(cluster.p("nsp.server_side_call('sse', 2)")) == ["A", "B"]
    cluster.p(f"nsp.server_side_emit('sse', '{EMOJI}', b'x')")
    wait_until(lambda: [EMOJI, {"hex": "78"}] in cluster.a("return heard"), what="Node to hear")


def test_30_a_server_that_does_not_listen_does_not_answer(
    find_cluster: Callable[[str], Cluster],
) -> None:
    # All at once: Node.js waits for five seconds.
    clusters = [find_cluster(name) for name in ADAPTERS]
    asked = []
    for cluster in clusters:
        cluster.b("io.on('half', (done) => done('B'))")
        asked.append(cluster.a.begin("return await io.serverSideEmitWithAck('half')"))
    for cluster, id in zip(clusters, asked, strict=True):
        answers_that_came(
            ["B"], lambda s, ask=cluster.p: ask(f"nsp.server_side_call('half', timeout={s})")
        )
        with pytest.raises(Failed, match="timeout reached") as caught:
            cluster.a.wait(id)
        assert caught.value.responses == ["B"]


def test_all_rooms_for_ours(cluster: Cluster) -> None:
    cluster.join("p", "x", EMOJI)
    cluster.join("a", "y")
    assert sorted(cluster.p("nsp.all_rooms()")) == sorted([*cluster.sids.values(), "x", "y", EMOJI])


@only("classic")
def test_31_all_rooms_for_node(cluster: Cluster) -> None:
    cluster.join("p", "x", EMOJI)
    cluster.join("b", "y")
    found = cluster.a("return [...await io.of('/').adapter.allRooms()]")
    assert sorted(found) == sorted([*cluster.sids.values(), "x", "y", EMOJI])


def test_51_numbers_are_other_rooms(cluster: Cluster) -> None:
    cluster.join("p", "42")
    cluster.a(f"io.in('{cluster.sids['a']}').socketsJoin(42)")
    wait_until(
        lambda: cluster.a(f"return io.sockets.sockets.get('{cluster.sids['a']}').rooms.has(42)"),
        what="the room",
    )
    cluster.a("io.to(42).emit('number')")
    cluster.p("nsp.to('42').emit('text')")
    assert cluster.take() == {"a": [["number"]], "b": [], "p": [["text"]]}


@pytest.mark.parametrize("room", ["a#b", "*", "?[x]", EMOJI, "twenty-characters-!!"])
def test_52_strange_names_of_rooms(cluster: Cluster, room: str) -> None:
    cluster.join("p", room)
    cluster.join("b", room)
    # Each by itself: of two servers, either may be heard first.
    cluster.a(f"io.to({room!r}).emit('e')")
    assert cluster.take() == {"a": [], "b": [["e"]], "p": [["e"]]}
    cluster.p(f"nsp.to({room!r}).emit('f')")
    assert cluster.take() == {"a": [], "b": [["f"]], "p": [["f"]]}


def test_49_a_room_is_heard_once_its_join_is_answered(cluster: Cluster) -> None:
    cluster.crowd(
        "for (let n = 0; n < 1000; n++) {"
        " await clients.p.timeout(20000).emitWithAck('join', `room ${n}`);"
        " clients.a.emit('say', `room ${n}`, 'n', n); }"
    )
    wait_until(lambda: cluster.crowd("return log.p.length") == 1000, what="all events")
    assert cluster.take() == {"a": [], "b": [], "p": [["n", number] for number in range(1000)]}


@settings(
    max_examples=25,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(several=st.lists(values, min_size=1, max_size=8))
def test_53_values_of_every_kind(cluster: Cluster, several: list[Any]) -> None:
    told = json.dumps([spelled(value) for value in several])
    wanted = {name: [["v", received(value)] for value in several] for name in "abp"}
    cluster.a(f"for (const value of {told}) io.emit('v', revived(value))")
    assert cluster.take() == wanted
    cluster.p(f"[nsp.emit('v', revived(value)) for value in json.loads({told!r})]")
    assert cluster.take() == wanted
