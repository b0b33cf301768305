"""What the device says by itself, with no service at hand."""
