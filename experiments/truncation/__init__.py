"""What truncated backpropagation through time learns inside its window, and beyond it."""
