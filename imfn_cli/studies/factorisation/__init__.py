"""What the tree's factorisation is worth: many merges of two against one network that merges all at once.

`one_step` is that network, `size` makes it as large as the tree, `train_one_step` trains it as long as the
tree was trained (`budget`), `comparison` measures linear tree, trained tree and one-step network on the same
windows.
"""
