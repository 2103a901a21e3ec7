"""What a thousand waiting bots cost one process, and whether webhooks notice them."""
