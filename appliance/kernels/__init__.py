"""Ahead-of-time compilation of the sound kernels: a tool for building, not part of the daemon."""
