"""HTTP on gevent: requests in, connections given away. Nothing of Pyramid.

Imported only after the standard library has been patched.
"""
