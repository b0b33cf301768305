"""What a running device says of itself, for people and programs beside it."""
