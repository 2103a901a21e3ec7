"""Conversations between bots and help desks: the flows, the engine, the bot's API, webhooks."""
