"""User stories, a module each: every change to a conversation is made by one of these."""
