"""What lies between the protocol and the application."""
