"""Who is connected to what: tenants, bots, keys, apps, installations, credentials, tokens."""
