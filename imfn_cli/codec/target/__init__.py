"""The quality that meets a PSNR, a rate or a size: found by search, in few passes over the input."""
