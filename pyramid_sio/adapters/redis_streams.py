"""Redis streams as the streams adapter of JavaScript uses them.

What concerns everybody goes to a stream, which all servers read; so nothing of it is lost while
a server's connection is away. Questions and answers go over pub/sub.

Upstream: ``adapters.cluster`` and ``adapters.redis_recovery``.
Downstream: ``adapters.redis_link``, ``protocol.cluster_streams``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyramid_sio.adapters.bus_line import STATIC, BusLine
from pyramid_sio.adapters.redis_bus import RedisBus
from pyramid_sio.errors import ProtocolError
from pyramid_sio.protocol.cluster import Broadcast, Disconnect, Envelope, Join, Leave, Order
from pyramid_sio.protocol.cluster_streams import (
    BEGINNING,
    Offset,
    decode_entry,
    encode_entry,
    namespace_of,
    stream_names,
    stream_of,
    to_fields,
    to_offset,
)
from pyramid_sio.protocol.cluster_values import ValueEncoder

if TYPE_CHECKING:
    from pyramid_sio.adapters.redis_link import RedisLink
    from pyramid_sio.adapters.redis_supervised import Supervised
    from pyramid_sio.interfaces import IComplaints

logger = logging.getLogger(__name__)

#: Fields by name, of one entry.
Fields = dict[bytes, bytes]
#: Called with each entry of a namespace; must not wait.
HearEntry = Callable[[Offset, Fields], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """How streams are used.

    :param name: of the stream, or what the names of several begin with
    :param count: how many there are
    :param max_length: about how many entries each keeps
    :param read_count: most entries read at once
    :param sharded: questions go over sharded pub/sub
    """

    name: str
    count: int
    max_length: int
    read_count: int
    sharded: bool


class StreamReader:
    """Reads all streams of a process, and hands each entry to its namespace.

    :param block: seconds one question waits for entries; less than the link's time-out
    :param in_loop: runs a function in the thread that owns the clients' connections
    """

    def __init__(
        self,
        link: RedisLink,
        options: StreamOptions,
        *,
        block: float,
        in_loop: Callable[..., Any],
        complaints: IComplaints,
    ) -> None:
        self.options = options
        #: Up to where namespaces have been told everything, by stream.
        self.positions: dict[str, Offset] = {}
        #: Who hears of which namespace.
        self.ears: dict[str, HearEntry] = {}
        #: Called when Redis has answered, if only that there is nothing.
        self.pulses: list[Callable[[], None]] = []
        self._link = link
        self._block = block
        self._in_loop = in_loop
        self._complaints = complaints
        #: Up to where there is nothing to read any more, by stream.
        self._read: dict[str, Offset] = {}

    def open(self) -> None:
        """Read as soon as the link is started. Harmless if that has been said."""
        self._link.supervise("streams", self._run)

    def _run(self, connection: Any, job: Supervised) -> None:
        """The reader's own thread."""
        self._find_ends(connection)
        job.works()
        options = self.options
        how = ("COUNT", options.read_count, "BLOCK", int(self._block * 1000), "STREAMS")
        while not job.stopping.is_set():
            connection.send_command(
                "XREAD", *how, *self._read, *map(str, self._read.values()), check_health=False
            )
            streams = connection.read_response() or ()
            for name, entries in streams:
                self._take(name.decode(), entries)
            self._in_loop(self._beat)

    def _find_ends(self, connection: Any) -> None:
        """Begin where streams end when this begins; later, go on where it was interrupted."""
        for name in stream_names(self.options.name, self.options.count):
            if name not in self._read:
                connection.send_command("XREVRANGE", name, "+", "-", "COUNT", 1)
                last = connection.read_response()
                end = to_offset(last[0][0].decode()) if last else None
                self._read[name] = self.positions[name] = end or BEGINNING

    def _take(self, stream: str, entries: Sequence[Any]) -> None:
        for id, flat in entries:
            offset = to_offset(id.decode())
            # First of all, or an entry that does harm would be read again and again.
            assert offset is not None
            self._read[stream] = offset
            self._in_loop(self._hear, stream, offset, flat)

    def _hear(self, stream: str, offset: Offset, flat: Sequence[bytes] | None) -> None:
        self.positions[stream] = offset
        fields = to_fields(flat or ())
        ear = self.ears.get(namespace_of(fields) or "")
        if ear is not None:
            try:
                ear(offset, fields)
            except ProtocolError as error:
                self._complaints.add("no message of a server", stream, error)
            except Exception as error:  # noqa: BLE001 - the next entry is to be read
                self._complaints.add("an entry of a stream failed", stream, error=error)

    def _beat(self) -> None:
        for pulse in tuple(self.pulses):
            pulse()


class StreamsLine(BusLine):
    """See ``lines.ILine``.

    :param reader: of the process
    """

    def __init__(
        self,
        link: RedisLink,
        namespace: str,
        *,
        reader: StreamReader,
        prefix: str,
        encoder: ValueEncoder,
        complaints: IComplaints,
    ) -> None:
        super().__init__(
            RedisBus(link, sharded=reader.options.sharded),
            namespace,
            prefix=prefix,
            mode=STATIC,
            encoder=encoder,
            complaints=complaints,
            binary=True,
        )
        self.link = link
        self.reader = reader
        options = reader.options
        self.stream = stream_of(namespace, options.name, options.count)
        self._readable = self.stream in stream_names(options.name, options.count)
        #: Is told of broadcasts with their offset, before anybody else; True: that is all.
        self.catch: Callable[[Offset, Envelope], bool] | None = None

    def open(self, hear: Callable[[Envelope], None], has_room: Callable[[Any], bool]) -> None:
        if not self._readable:
            logger.warning(
                "entries of %s go to the stream %s, which no JavaScript server reads: with %d "
                "streams its adapter loses the messages of namespaces of some names",
                self.namespace,
                self.stream,
                self.reader.options.count,
            )
        super().open(hear, has_room)
        self.reader.ears[self.namespace] = self._hear_entry
        self.reader.open()

    def send(self, order: Order) -> None:
        match order:
            case Broadcast(request_id=None) | Join() | Leave() | Disconnect():
                self.add(order, self.uid)
            case _:
                super().send(order)

    def add(self, order: Order, uid: str) -> None:
        """Put something into the stream. :raises TypeError: something in it cannot be sent

        :param uid: who is said to have done it
        """
        fields = encode_entry(order, uid=uid, namespace=self.namespace, encoder=self.encoder)
        length = self.reader.options.max_length
        self.link.command("XADD", self.stream, "MAXLEN", "~", length, "*", *fields)

    def _hear_entry(self, offset: Offset, fields: Fields) -> None:
        envelope = decode_entry(fields)
        if envelope is None or envelope.sender == self.uid:
            return
        if self.catch is None or not self.catch(offset, envelope):
            self.hear(envelope)

    def close(self) -> None:
        if self.reader.ears.get(self.namespace) == self._hear_entry:
            del self.reader.ears[self.namespace]
        super().close()
