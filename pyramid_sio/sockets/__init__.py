"""Socket.IO: namespaces, rooms, events, acknowledgements.

Knows no socket, no HTTP and no Pyramid: below it is an ``ISession``, above it an
``IInvoker``.
"""
