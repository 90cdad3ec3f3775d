"""Sessions and transports on gevent: who is connected, over what, alive or not.

Everything here belongs to the one thread that runs the loop, and knows Engine.IO only:
no namespace, no event name, no Pyramid.
"""
