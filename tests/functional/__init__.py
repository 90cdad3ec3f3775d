"""Real servers, real clients: what only shows when bytes travel."""
