"""Where events of the world meet the pure core: `core.Runner`."""
