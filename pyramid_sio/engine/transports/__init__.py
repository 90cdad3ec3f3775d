"""The transports: how packets travel. ``settings.transports`` names those enabled."""
