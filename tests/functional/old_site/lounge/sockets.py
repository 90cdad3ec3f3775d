"""What was imported in 2012 is imported here."""

from socketio.mixins import BroadcastMixin, RoomsMixin
from socketio.namespace import BaseNamespace
from socketio.sdjango import namespace


@namespace("/lounge")
class Lounge(BaseNamespace, RoomsMixin, BroadcastMixin):
    def on_join(self, room):
        self.join(room)
        return type(self.request).__name__

    def on_say(self, room, text):
        self.emit_to_room(room, "said", text)

    def on_shout(self, text):
        self.broadcast_event("shouted", text)
