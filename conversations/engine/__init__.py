"""The delivery engine: lanes under leases, wake-ups as hints, the sweep as the truth."""
