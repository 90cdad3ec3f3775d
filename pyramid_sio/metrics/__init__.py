"""What a process does, in numbers for Prometheus. Nothing here is loaded unless it is asked for."""
