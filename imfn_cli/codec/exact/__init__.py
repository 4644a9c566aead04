"""Arrays of any type to latents and back, every sample within an error that is guaranteed."""
