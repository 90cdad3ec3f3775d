"""A site of Django's whose code imports ``socketio``. ``wsgi.py PORT`` serves it."""

import sys

if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()

    from pyramid_sio.compat import install_as_socketio

    install_as_socketio()

from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["django.contrib.contenttypes", "tests.functional.old_site.lounge"],
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
    ROOT_URLCONF="tests.functional.old_site.urls",
    SECRET_KEY="x",
)
application = get_wsgi_application()

if __name__ == "__main__":
    from socketio.server import SocketIOServer

    SocketIOServer(("127.0.0.1", int(sys.argv[1])), application).serve_forever()
