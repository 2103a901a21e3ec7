"""The bot's REST API: thin views over the flows."""
