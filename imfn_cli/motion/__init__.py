"""Motion compensation and motion estimation over windows of frames. Tensors only."""
