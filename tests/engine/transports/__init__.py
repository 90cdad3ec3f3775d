"""Transports, each with a session that writes down what it hears."""
