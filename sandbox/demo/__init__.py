"""A customer's web chat with the demo bot Pixel: an ordinary client of the bridge's public API."""
