"""Clients of Socket.IO 2 in a cluster: their ids are longer in namespaces, and look like rooms."""

from __future__ import annotations

from tests.functional.members import Cluster
from tests.support import wait_until

JOIN = """
    const connect = require("socket.io-client-2");
    const socket = connect(url + "/chat", { forceNew: true, transports: ["websocket"] });
    kept[name] = [];
    for (const event of ["from b", "from p"]) {
      socket.on(event, (...args) => kept[name].push([event, ...args]));
    }
    others.push(socket);
    await new Promise((resolve) => socket.on("connect", resolve));
    return socket.id;
"""


def test_private_messages_to_clients_of_version_2(cluster: Cluster) -> None:
    for member in (cluster.a, cluster.b):
        member("io.of('/chat')")
    count = "return await io.of('/chat').adapter.serverCount()"
    wait_until(lambda: cluster.b(count) == 3, what="all servers to have the namespace")
    sids = {
        name: cluster.crowd(f"const name = 'old {name}', url = '{member.url}'; {JOIN}")
        for name, member in (("a", cluster.a), ("p", cluster.p))
    }
    assert all(sid.startswith("/chat#") for sid in sids.values())
    found = "[s.sid for s in sio.of('/chat').fetch()]"
    wait_until(lambda: sorted(cluster.p(found)) == sorted(sids.values()), what="both clients")
    for sid in sids.values():
        cluster.p(f"sio.of('/chat').to('{sid}').emit('from p', b'x')")
    cluster.b(f"io.of('/chat').to('{sids['p']}').emit('from b', 1)")
    private = ["from p", {"hex": "78"}]
    wanted = {"a": [private], "p": [["from b", 1], private]}
    for name, events in wanted.items():
        heard = f"return kept['old {name}']"
        wait_until(lambda heard=heard, events=events: sorted(cluster.crowd(heard)) == events)
