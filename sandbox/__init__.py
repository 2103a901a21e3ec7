"""A stand-alone development site: imitations of help desks, an agent's inbox and a demo chat.

It knows the bridge only through the bridge's public HTTP API and is never imported by it.
"""
