"""The adaptive forest's syntax: a binary range coder with adaptive contexts, and what is said with it."""
