"""Whether an admin looks, here or at another server; and what servers tell each other for that.

Upstream: ``admin.watch``. Downstream: the admin namespace, on all servers of a cluster.

What a server tells admins reaches those of all servers, like any broadcast. So a server must know
of admins elsewhere, or it would have to tell everything always. Servers of ours say every few
seconds that they have one. Those of JavaScript don't: they are asked whom they have, now and then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pyramid_sio.errors import AckTimeout, AdapterError

if TYPE_CHECKING:
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.nsp import Nsp
    from pyramid_sio.sockets.server import SioServer

logger = logging.getLogger(__name__)

#: What servers of ours call what they tell each other.
EVENT = "pyramid_sio admin"
#: Seconds for which an admin elsewhere counts as there after its server has said so, and between
#: two questions to servers that don't.
LASTING, PROBING = 10.0, 8.0
#: Seconds that other servers have to say whether they know a session.
PATIENCE = 2.0


class Audience:
    """The admins of a server, and of those it is joined to.

    :param namespace: the admin namespace's name
    :param shared: are there other servers?
    :param foreign: may some of them be of JavaScript?
    :param clock: returns seconds, monotonic; replaced in tests
    """

    def __init__(
        self,
        sio: SioServer,
        namespace: str,
        *,
        shared: bool,
        foreign: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sio = sio
        self._namespace = namespace
        self._clock = clock
        self._elsewhere_until = 0.0
        self.shared = shared
        self.foreign = foreign
        #: Admins of this server.
        self.here: dict[str, Namespace] = {}
        #: Does anybody look?
        self.present = False

    @property
    def nsp(self) -> Nsp:
        return self._sio.of(self._namespace)

    def refresh(self) -> None:
        """Somebody may have come or gone."""
        elsewhere = self.shared and self._clock() < self._elsewhere_until
        self.present = bool(self.here) or elsewhere

    def is_elsewhere(self) -> None:
        """There is an admin at another server."""
        self._elsewhere_until = self._clock() + LASTING
        self.refresh()

    def announce(self, **news: Any) -> None:
        """Tell the other servers that there is an admin here."""
        if self.shared and self.here:
            self.nsp.server_side_emit(EVENT, news, immediate=True)

    def probe(self) -> None:
        """Ask the other servers whether they have an admin; may wait."""
        # Every few seconds: what is wrong with the way to Redis is said elsewhere.
        if any(True for _ in self.others_in(self.nsp, logging.DEBUG)):
            self.is_elsewhere()

    def others_in(self, nsp: Nsp, level: int = logging.WARNING) -> Iterator[Any]:
        """The clients of other servers in a namespace, as far as those say; may wait.

        :param level: at which is logged that they don't
        """
        try:
            found: Iterable[Any] = nsp.fetch()
        except AckTimeout as error:
            logger.log(level, "admins do not see all clients of other servers: %s", error)
            found = error.responses
        except AdapterError as error:
            logger.log(level, "admins do not see clients of other servers: %s", error)
            return
        yield from (socket for socket in found if not hasattr(socket, "socket"))

    def remaining_elsewhere(self, key: str) -> float:
        """Seconds for which another server lets in who has a session; may wait."""
        try:
            answers = self.nsp.server_side_call(EVENT, {"session": key}, timeout=PATIENCE)
        except AckTimeout as error:
            answers = error.responses
        except AdapterError:
            return 0.0
        return max((float(one) for one in answers if isinstance(one, int | float)), default=0.0)
