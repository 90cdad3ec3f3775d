"""Clients that come back after their connection broke, to whichever server of the cluster.

What they missed is in the stream that all servers read, and what is known of them waits in Redis
while they are away: as the streams adapter of JavaScript does it, so they may as well come from
a server of JavaScript, or go to one.

Upstream: ``sockets.recovery``. Downstream: ``adapters.redis_streams``.

An event reaches clients of this server when it is read back from the stream, with its place
there as offset: so all get everything in one order, and an offset says exactly what a client
has. While Redis is away, or slow, they get it at once.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import gevent
from redis.exceptions import RedisError

from pyramid_sio.adapters.cluster import ClusterAdapter, options_of
from pyramid_sio.adapters.hearing import flags_of, target_of
from pyramid_sio.adapters.redis_streams import StreamsLine
from pyramid_sio.adapters.remote import sendable
from pyramid_sio.errors import AdapterError, ProtocolError
from pyramid_sio.protocol.cluster import Broadcast, Envelope
from pyramid_sio.protocol.cluster_streams import (
    BEGINNING,
    Offset,
    Session,
    decode_entry,
    decode_session,
    encode_session,
    namespace_of,
    to_fields,
    to_offset,
)
from pyramid_sio.protocol.packets import Message, SocketPacket, SocketType
from pyramid_sio.sockets.broadcast import Target
from pyramid_sio.sockets.recovery import Recovered

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IEncoder, IFlags, ITarget
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.nsp import Nsp

#: Random bytes of a client's secret.
PID_BYTES = 15
#: Characters of what begins the ids under which we put what we want to read back, and of those.
MARK_LENGTH, ECHO_LENGTH = 6, 16
#: Seconds an event may take to the stream and back, before clients here get it without.
PATIENCE = 1.0
#: Entries read at once for a client that comes back, and how often.
CHUNK, ROUNDS = 1000, 100
#: Reads a session and removes it: it is good for one return.
TAKE = "local v = redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1]) return v"


class Echo(NamedTuple):
    """An event that is to be read back.

    :param sent: when it was put into the stream
    """

    packet: SocketPacket
    target: ITarget
    flags: IFlags
    sent: float


class StreamsRecoveryAdapter(ClusterAdapter):
    """See ``interfaces.IRecoveringAdapter``. Its line is a :class:`StreamsLine`.

    :param encoder: the server's; clients that can come back speak through it
    :param seconds: how long a client may be away
    :param key_prefix: what the keys of sessions begin with
    :param patience: seconds to wait for the end of a connection that a client has left behind
    """

    _line: StreamsLine

    def __init__(
        self,
        sockets: dict[str, Namespace],
        *,
        encoder: IEncoder,
        seconds: float,
        key_prefix: str,
        patience: float,
        **options: Any,
    ) -> None:
        super().__init__(sockets, **options)
        self._encoder = encoder
        self._seconds = seconds
        self._key_prefix = key_prefix
        self._patience = patience
        self._mark = secrets.token_hex(MARK_LENGTH // 2)
        self._count = 0
        self._echoes: dict[str, Echo] = {}
        self._sweeper: Any = None
        #: Is what is put into the stream not read back in time?
        self._is_slow = False
        #: Who is here, by secret; and what is set once they are not.
        self._here: dict[str, Namespace] = {}
        self._awaited: dict[str, Any] = {}

    def attach(self, nsp: Nsp) -> None:
        super().attach(nsp)
        self._line.catch = self._catch
        self._line.reader.pulses.append(self._beat)
        self._line.link.listeners.append(self._link_changed)

    def close(self) -> None:
        self._line.reader.pulses.remove(self._beat)
        self._line.link.listeners.remove(self._link_changed)
        super().close()

    # Sending.

    def broadcast(self, packet: SocketPacket, target: ITarget, flags: IFlags) -> None:
        line, args = self._line, packet.data
        order = Broadcast(options_of(target, flags), lambda: args)
        if flags.local or flags.volatile or self._is_slow or not line.link.up:
            if not flags.local:
                line.add(order, line.uid)
            self._deliver(packet, target, flags, self._position)
            return
        self._count += 1
        uid = f"{self._mark}{self._count:0{ECHO_LENGTH - MARK_LENGTH}x}"
        line.add(order, uid)
        self._echoes[uid] = Echo(packet, target, flags, time.monotonic())
        if self._sweeper is None:
            self._sweeper = gevent.spawn_later(PATIENCE, self._sweep)

    def send(self, socket: Namespace, packet: SocketPacket, flags: IFlags) -> None:
        self.broadcast(packet, Target(frozenset((socket.sid,))), flags)

    @property
    def _position(self) -> Offset:
        """Up to where clients here have everything."""
        return self._line.reader.positions.get(self._line.stream, BEGINNING)

    def _deliver(
        self, packet: SocketPacket, target: ITarget, flags: IFlags, offset: Offset
    ) -> None:
        # Volatile ones too: clients take whatever text comes last for an offset.
        packet = packet._replace(data=(*packet.data, str(offset)))
        self.local.broadcast(packet, target, flags)

    def _catch(self, offset: Offset, envelope: Envelope) -> bool:
        """A message from the stream, before anybody else sees it."""
        uid = envelope.sender or ""
        if len(uid) == ECHO_LENGTH and uid.startswith(self._mark):
            echo = self._echoes.pop(uid, None)
            if echo is not None:
                self._deliver(echo.packet, echo.target, echo.flags, offset)
            return True
        message = envelope.message
        if not isinstance(message, Broadcast) or message.request_id is not None:
            return False
        target = target_of(message.options)
        if any(True for _ in self.local.select(target)):
            packet = SocketPacket(SocketType.EVENT, self._line.namespace, message.load())
            self._deliver(packet, target, flags_of(message.options), offset)
        return True

    # While Redis is away, or slow.

    def _sweep(self) -> None:
        self._sweeper = None
        if self._echoes:
            oldest = next(iter(self._echoes.values()))
            age = time.monotonic() - oldest.sent
            if age >= PATIENCE:
                self._give_up()
            else:
                self._sweeper = gevent.spawn_later(PATIENCE - age, self._sweep)

    def _give_up(self) -> None:
        """Wait for nothing any more: clients here get it now, whenever the stream does."""
        self._is_slow = True
        echoes, self._echoes = self._echoes, {}
        for echo in echoes.values():
            self._deliver(echo.packet, echo.target, echo.flags, self._position)

    def _beat(self) -> None:
        self._is_slow = False

    def _link_changed(self, up: bool, why: str) -> None:
        if not up:
            self._give_up()

    # Coming and going; see ``interfaces.IRecoveringAdapter``.

    def begin(self, socket: Namespace) -> str:
        pid = secrets.token_urlsafe(PID_BYTES)
        self._here[pid] = socket
        return pid

    def restore(self, socket: Namespace, pid: str, offset: str | None) -> Recovered | None:
        start = to_offset(offset)
        if start is None:
            return None
        if pid in self._here:
            self._end_connection(pid)
        try:
            session = self._take_session(pid)
            if session is None:
                return None
            missed = self._missed(session, start)
        except (AdapterError, RedisError, ProtocolError) as error:
            self._complaints.add("a client could not come back", self._line.namespace, error)
            return None
        if missed is None or session.sid in self._sockets:
            return None
        self._here[pid] = socket
        rooms = frozenset(room for room in session.rooms if isinstance(room, str))
        return Recovered(session.sid, rooms - {session.sid}, session.data, missed)

    def _end_connection(self, pid: str) -> None:
        """The client has left its old connection behind, without this end having noticed yet."""
        ended = self._awaited.get(pid)
        if ended is None:
            ended = self._awaited[pid] = self._server.make_event()
        self._here[pid].abandon()
        ended.wait(self._patience)

    def _take_session(self, pid: str) -> Session | None:
        text = self._line.link.call("EVAL", TAKE, 1, self._key_prefix + pid)
        if text is None:
            return None
        session = decode_session(text)
        # JavaScript's servers don't say which namespace it is of.
        if session.pid != pid or session.nsp not in (None, self._line.namespace):
            return None
        return session

    def _missed(self, session: Session, start: Offset) -> list[Message] | None:
        """What was sent to a client since; None: some of it is no longer known.

        When this returns, nothing is missing up to where this server has read the stream, and
        nothing beyond that is among it.
        """
        call, stream = self._line.link.call, self._line.stream
        if not call("XRANGE", stream, str(start), str(start)):
            return None
        missed: list[tuple[Offset, Broadcast]] = []
        last = start
        for _ in range(ROUNDS):
            after = f"{last.milliseconds}-{last.sequence + 1}"
            entries = call("XRANGE", stream, after, "+", "COUNT", CHUNK)
            for id, flat in entries:
                last = to_offset(id.decode()) or last
                message = self._concern(session, to_fields(flat))
                if message is not None:
                    missed.append((last, message))
            position = self._position
            if len(entries) < CHUNK and last >= position:
                return [self._encode(m, offset) for offset, m in missed if offset <= position]
        return None

    def _concern(self, session: Session, fields: dict[bytes, bytes]) -> Broadcast | None:
        """The event in an entry, if the client was to get it."""
        if namespace_of(fields) != self._line.namespace:
            return None
        try:
            envelope = decode_entry(fields)
        except ProtocolError:
            return None
        message = envelope.message if envelope is not None else None
        if isinstance(message, Broadcast) and session.concerns(message.options):
            return message
        return None

    def _encode(self, message: Broadcast, offset: Offset) -> Message:
        data = (*message.load(), str(offset))
        packet = SocketPacket(SocketType.EVENT, self._line.namespace, data)
        encoded = self._encoder.encode(packet)
        encoded.packet = packet
        return encoded

    def keep(self, socket: Namespace) -> None:
        pid = socket.pid
        if pid is None or self._here.get(pid) is not socket:
            return
        name, encoder = self._line.namespace, self._line.encoder
        session = Session(socket.sid, pid, frozenset(socket.rooms), socket.session, name)
        try:
            text = encode_session(session, encoder)
        except TypeError:
            text = encode_session(session._replace(data=sendable(session.data)), encoder)
        key, milliseconds = self._key_prefix + pid, int(self._seconds * 1000)
        self._line.link.command("SET", key, text, "PX", milliseconds)
        self._forget(pid)

    def drop(self, socket: Namespace) -> None:
        if socket.pid is not None and self._here.get(socket.pid) is socket:
            self._forget(socket.pid)

    def _forget(self, pid: str) -> None:
        del self._here[pid]
        ended = self._awaited.pop(pid, None)
        if ended is not None:
            ended.set()
