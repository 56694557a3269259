"""Side-by-side timing of rnncore and its peers: one module a question, `make bench` for all."""
