"""What an application's namespaces take and send, written down for others.

Upstream: ``psio asyncapi`` and ``psio typescript``. Downstream: annotations of handlers, and
of what a namespace declares as ``ServerToClient``. Nothing here runs while events do.
"""
