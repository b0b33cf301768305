"""Tools that try the sound chain out on recordings."""
