"""Figures of the running device: counters, spans and levels. Pure: records in, figures out."""
