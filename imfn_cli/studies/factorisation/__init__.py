"""What the tree's factorisation is worth: many merges of two against one network that merges all at once.

`unfactorised` is the rival, `size` makes it as large as the tree, `rival` trains it as long as the tree was
trained, `study` measures linear tree, trained tree and rival on the same windows.
"""
