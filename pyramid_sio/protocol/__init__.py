"""The wire formats, pure: bytes and text in, packets out.

Nothing here waits, reads a clock, logs or knows Pyramid. One module per specification:

==================  ====================================================
``packets``         the vocabulary all of them share
``request``         an HTTP request's method, path and query -> what is asked
``connection``      the session state machine; the time is an argument
``engine_v4``       Engine.IO revision 4: packets and polling payloads
``frames``          WebSocket framing, the part that must be fast
``socket_v5``       Socket.IO protocol 5: packets with JSON and attachments
==================  ====================================================
"""
