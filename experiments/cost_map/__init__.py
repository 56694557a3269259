"""What the exact methods cost at many sizes and lengths, measured."""
