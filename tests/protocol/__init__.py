"""The codecs, each by itself: nothing here opens a port, waits or imports gevent."""
