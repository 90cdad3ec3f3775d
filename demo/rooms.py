"""People, rooms and what was said: the whole state of the chat, and every limit on it.

Plain data behind one lock, so that it is as right under a threaded server as under
greenlets. Upstream is :mod:`demo.chat`; nothing here knows of sockets or of Pyramid.
What a person may not do raises :class:`~demo.words.Refusal`; what others should hear of is an
:class:`Entry`, returned to the caller, who spreads it.
"""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from demo.messages import Picture
from demo.records import Arrival, Entry, Limits, Listing, Person, Room
from demo.words import Refusal, clean_name, clean_room, clean_text, same

#: The room that is always there, and where everybody begins.
LOBBY = "lobby"
WELCOME = "Say hello, or open a room of your own"


class House:
    """The rooms and the people in them.

    :param clock: seconds since the epoch
    """

    def __init__(
        self, limits: Limits | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.limits = limits or Limits()
        #: How many statements were made since the start.
        self.said = 0
        self._clock = clock
        self._lock = threading.RLock()
        # Milliseconds are far ahead of any count of entries: a restarted house goes on above
        # every id the previous one gave out.
        self._ids = itertools.count(int(clock() * 1000))
        self._people: dict[str, Person] = {}
        self._by_sid: dict[str, Person] = {}
        self._kept: dict[str, tuple[str, float]] = {}
        self._rooms: dict[str, Room] = {}
        self._gone: set[str] = set()
        self._make_room(LOBBY).topic = WELCOME

    @property
    def headcount(self) -> int:
        return len(self._people)

    def enter(
        self, sid: str, nick: object, token: object = None, rooms: Iterable[object] = ()
    ) -> Arrival:
        """Give a connection a nick, and the rooms it was in before it was cut off.

        :param token: what an earlier arrival gave out: takes the nick over from a
            connection that is dead but not yet known to be
        :param rooms: names to be in; those that are refused are left out
        :raises Refusal: ``bad_nick``, ``nick_taken``, ``full``
        """
        with self._lock:
            name = clean_name(nick, self.limits.nick)
            person = self._people.get(name.casefold())
            displaced = None
            if person is not None:
                if not same(person.token, token):
                    raise Refusal("nick_taken", f"The nick {name} is taken. Try another one.")
                displaced = person.sid
                del self._by_sid[person.sid]
                person.sid = sid
            else:
                person = self._new_person(sid, name, token)
            self._by_sid[sid] = person
            entries = self._settle(person, rooms)
            return Arrival(person.nick, person.token, sorted(person.rooms), displaced, entries)

    def depart(self, sid: str, keep_nick: bool = False) -> list[Entry]:
        """Take a connection's person out of every room; nothing if another one took over.

        :param keep_nick: nobody else may have the nick for a while (the connection was lost)
        """
        with self._lock:
            person = self._by_sid.pop(sid, None)
            if person is None:
                return []
            key = person.nick.casefold()
            del self._people[key]
            if keep_nick:
                self._keep(key, person.token)
            note = "lost the connection" if keep_nick else ""
            return [self._take_out(person, name, note) for name in sorted(person.rooms)]

    def rename(self, sid: str, nick: object) -> tuple[str, list[Entry]]:
        """Change a nick; its rooms are told. Returns the nick as it is now, and the entries.

        :raises Refusal: as :meth:`enter`, and ``too_fast``
        """
        with self._lock:
            person = self._person(sid)
            name = clean_name(nick, self.limits.nick)
            old, new = person.nick, name.casefold()
            if name == old:
                return name, []
            holder = self._people.get(new)
            if (holder is not None and holder is not person) or not self._free(new, person.token):
                raise Refusal("nick_taken", f"The nick {name} is taken. Try another one.")
            self._spend(person)
            self._kept.pop(new, None)
            del self._people[old.casefold()]
            self._people[new] = person
            person.nick = name
            for room in map(self._rooms.__getitem__, person.rooms):
                del room.people[old.casefold()]
                room.people[new] = person
                room.typing.pop(old.casefold(), None)
            return name, [self._add(n, "rename", old, name) for n in sorted(person.rooms)]

    def join(self, sid: str, room: object) -> tuple[str, Entry | None]:
        """Put somebody into a room, which is made if need be.

        Returns the room's name in its one spelling, and None for who is in already.

        :raises Refusal: ``bad_room``, ``too_many_rooms``, ``too_fast``
        """
        with self._lock:
            person = self._person(sid)
            name = clean_room(room, self.limits.room)
            if name in person.rooms:
                return name, None
            self._spend(person)
            return name, self._put_in(person, name)

    def leave(self, sid: str, room: object) -> Entry:
        """:raises Refusal: ``not_here``"""
        with self._lock:
            person = self._person(sid)
            name = self._own_room(person, room).name
            person.rooms.discard(name)
            return self._take_out(person, name)

    def say(self, sid: str, room: object, text: object, nonce: object = "") -> Entry:
        """:raises Refusal: ``not_here``, ``bad_text``, ``too_fast``"""
        with self._lock:
            person = self._person(sid)
            place = self._own_room(person, room)
            words = clean_text(text, self.limits.text)
            if not words:
                raise Refusal("bad_text", "There is nothing to say in that.")
            self._spend(person)
            place.typing.pop(person.nick.casefold(), None)
            self.said += 1
            mark = nonce[: self.limits.nonce] if isinstance(nonce, str) else ""
            return self._add(place.name, "say", person.nick, words, mark)

    def set_topic(self, sid: str, room: object, topic: object) -> Entry:
        """:raises Refusal: ``not_here``, ``bad_text``, ``too_fast``"""
        with self._lock:
            person = self._person(sid)
            place = self._own_room(person, room)
            words = " ".join(clean_text(topic, self.limits.topic, what="topic").split())
            self._spend(person)
            place.topic, place.topic_by = words, person.nick
            return self._add(place.name, "topic", person.nick, words)

    def set_typing(self, sid: str, room: object, active: object) -> tuple[str, str]:
        """Note that somebody writes, for a few seconds. Returns the room and the nick."""
        with self._lock:
            person = self._person(sid)
            place = self._own_room(person, room)
            place.typing.pop(person.nick.casefold(), None)
            if active:
                until = self._clock() + self.limits.typing_for
                place.typing[person.nick.casefold()] = until
            return place.name, person.nick

    def picture(self, room: str, since: object = 0) -> Picture:
        """Everything about a room that somebody who enters it wants to know.

        :param since: id of the last entry already seen; only later ones are returned, and
            ``gap`` says whether some in between are lost
        """
        seen = since if isinstance(since, int) else 0
        with self._lock:
            place = self._rooms[room]
            now = self._clock()
            return {
                **place.listing(),
                "topic_by": place.topic_by,
                "people": sorted((p.nick for p in place.people.values()), key=str.casefold),
                "typing": [place.people[k].nick for k, end in place.typing.items() if end > now],
                "backlog": [e for e in place.history if e.id > seen],
                "gap": 0 < seen < place.forgotten,
            }

    def directory(self) -> list[Listing]:
        """Every room with its topic and its number of people; the lobby first."""
        with self._lock:
            rooms = sorted(self._rooms.values(), key=lambda room: (room.name != LOBBY, room.name))
            return [room.listing() for room in rooms]

    def listing(self, room: str) -> Listing | None:
        """One room of the directory; None if it is no more."""
        with self._lock:
            place = self._rooms.get(room)
            return place.listing() if place else None

    def sweep(self) -> list[str]:
        """Drop the rooms that were empty too long; returns all that are gone since last time."""
        with self._lock:
            limit = self._clock() - self.limits.empty_for
            for room in self._empty_rooms():
                if room.empty_since <= limit:
                    self._drop(room)
            gone, self._gone = self._gone, set()
            return sorted(gone)

    # What follows expects the lock to be held.

    def _new_person(self, sid: str, name: str, token: object) -> Person:
        key = name.casefold()
        if not self._free(key, token):
            raise Refusal("nick_taken", f"The nick {name} is kept for somebody who was cut off.")
        if len(self._people) >= self.limits.people:
            raise Refusal("full", "The house is full. Try again in a while.")
        kept = self._kept.pop(key, None)
        person = Person(name, kept[0] if kept else secrets.token_urlsafe(18), sid)
        self._people[key] = person
        return person

    def _keep(self, key: str, token: str) -> None:
        """Let nobody else have a nick for a while."""
        while len(self._kept) >= self.limits.people:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (token, self._clock() + self.limits.nick_kept_for)

    def _free(self, key: str, token: object) -> bool:
        """Whether no cut-off person but the one with this token has a right to a nick."""
        now = self._clock()
        self._kept = {k: kept for k, kept in self._kept.items() if kept[1] > now}
        kept = self._kept.get(key)
        return kept is None or same(kept[0], token)

    def _settle(self, person: Person, rooms: Iterable[object]) -> list[Entry]:
        """Make the rooms somebody is in those that were asked for, or the lobby."""
        entries: list[Entry] = []
        wanted: set[str] = set()
        for room in itertools.islice(rooms, self.limits.rooms_each):
            try:
                name = clean_room(room, self.limits.room)
                if name not in person.rooms:
                    entries.append(self._put_in(person, name))
            except Refusal:
                continue
            wanted.add(name)
        if not wanted:
            wanted.add(LOBBY)
            if LOBBY not in person.rooms:
                entries.append(self._put_in(person, LOBBY))
        for name in sorted(person.rooms - wanted):
            person.rooms.discard(name)
            entries.append(self._take_out(person, name))
        return entries

    def _put_in(self, person: Person, name: str) -> Entry:
        if len(person.rooms) >= self.limits.rooms_each:
            limit = self.limits.rooms_each
            raise Refusal("too_many_rooms", f"You can be in {limit} rooms at once. Leave one.")
        room = self._rooms.get(name) or self._make_room(name)
        room.people[person.nick.casefold()] = person
        person.rooms.add(name)
        return self._add(name, "join", person.nick)

    def _take_out(self, person: Person, name: str, note: str = "") -> Entry:
        room = self._rooms[name]
        key = person.nick.casefold()
        del room.people[key]
        room.typing.pop(key, None)
        room.empty_since = self._clock()
        return self._add(name, "leave", person.nick, note)

    def _make_room(self, name: str) -> Room:
        if len(self._rooms) >= self.limits.rooms:
            empty = min(self._empty_rooms(), key=lambda room: room.empty_since, default=None)
            if empty is None:
                raise Refusal("too_many_rooms", "There are as many rooms as there can be.")
            self._drop(empty)
        room = Room(name, deque(maxlen=self.limits.history), empty_since=self._clock())
        self._rooms[name] = room
        self._gone.discard(name)
        return room

    def _drop(self, room: Room) -> None:
        del self._rooms[room.name]
        self._gone.add(room.name)

    def _empty_rooms(self) -> list[Room]:
        return [r for r in self._rooms.values() if not r.people and r.name != LOBBY]

    def _add(self, room: str, kind: str, nick: str, text: str = "", nonce: str = "") -> Entry:
        entry = Entry(next(self._ids), room, kind, nick, text, self._clock(), nonce)
        place = self._rooms[room]
        if len(place.history) == place.history.maxlen:
            place.forgotten = place.history[0].id
        place.history.append(entry)
        return entry

    def _person(self, sid: str) -> Person:
        person = self._by_sid.get(sid)
        if person is None:
            raise Refusal("displaced", "You go on elsewhere; this page is no longer connected.")
        return person

    def _own_room(self, person: Person, room: object) -> Room:
        name = clean_room(room, self.limits.room)
        if name not in person.rooms:
            raise Refusal("not_here", f"You are not in #{name}.")
        return self._rooms[name]

    def _spend(self, person: Person) -> None:
        now = self._clock()
        while person.acts and person.acts[0] <= now - self.limits.burst_within:
            person.acts.popleft()
        if len(person.acts) >= self.limits.burst:
            raise Refusal("too_fast", "That was a lot at once. Take a breath and try again.")
        person.acts.append(now)
