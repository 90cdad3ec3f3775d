"""An application of Django's with namespaces for gevent-socketio."""
