"""What every implementation of a seam must do, written once.

A project with an implementation of its own derives its test class from one of these.
"""
