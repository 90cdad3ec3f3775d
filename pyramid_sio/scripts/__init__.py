"""The command ``psio``."""
