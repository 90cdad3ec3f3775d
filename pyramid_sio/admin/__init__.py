"""The server side of the official Socket.IO admin UI.

Knows namespaces, rooms and events, and is told about sessions; no socket, no HTTP, no
Pyramid. Nothing of it is loaded unless ``sio.admin`` is set.

Source: the protocol that ``@socket.io/admin-ui`` speaks.
"""
