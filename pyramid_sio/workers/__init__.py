"""Several processes on one port: who starts them, and how they stand in for each other.

``supervisor`` starts, watches and replaces workers; ``member`` is what a worker knows of that.
Both are imported before anything is patched. ``handover`` passes connections on to the worker
they belong to, and ``bus`` carries what workers say to each other; both run on gevent.
"""
