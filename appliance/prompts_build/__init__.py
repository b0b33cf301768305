"""Tool: renders the prompts. The daemon plays what it made, and never imports it."""
