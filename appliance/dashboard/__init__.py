"""A page that shows the running device: a process of its own, beside the daemon."""
