"""The least that hands over to a human: run it, then accept and answer in the agent's inbox."""

import os

from hitl_bridge_client import Bridge

bridge = Bridge(os.environ.get("BRIDGE_URL", "http://127.0.0.1:8000"), os.environ["BOT_KEY"])
user = bridge.create_user("Ana")
session = bridge.start_hitl(user, title="Refund")
bridge.send_text(session["conversationId"], "Hello, is anybody there?", user_id=user)
for event in bridge.follow(session["conversationId"]):
    print(event.type, event.text, flush=True)
