"""Cosines between the gradients of online learners and the exact one."""
