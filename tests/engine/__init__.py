"""The engine with a clock that tests turn, and sockets that end in the same process."""
