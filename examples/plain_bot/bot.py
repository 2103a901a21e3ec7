"""A bot in a terminal: answers what it can, hands over to a human, and takes over again.

    BOT_KEY=… python examples/plain_bot/bot.py                    # reads the events feed
    BOT_KEY=… CALLBACK_SECRET=… python examples/plain_bot/bot.py --callbacks 8100

Environment: BRIDGE_URL (default http://127.0.0.1:8000), BOT_KEY; with callbacks CALLBACK_SECRET.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hitl_bridge_client import Bridge, Conflict, Event, InvalidSignature, verify_callback

ANSWERS = {"hello": "Hello! I know about opening hours.", "opening hours": "Nine to five."}


class Bot:
    """One user's chat. `chat` is the bot's own id of it, the bridge's `botConversationId`."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self.chat = uuid.uuid4().hex
        self.user = bridge.create_user("Ana", external_id=f"user-of-{self.chat}")
        self.session = ""  # the open session's id; empty while the bot is in charge
        self.history: list[dict[str, Any]] = []
        self.seen: set[str] = set()  # ids of events
        self.turn = threading.Lock()  # an event may be there before the call that caused it

    def hear(self, text: str) -> None:
        """What the user wrote: for the agent while there is one, else for the bot."""
        if self.session:
            try:
                self.bridge.send_text(self.session, text, user_id=self.user)
                return
            except Conflict:  # it has ended, and the event that says so is on its way
                self.session = ""
        self.remember("user", text)
        if "human" in text.lower():
            self.hand_over()
        else:
            self.say("bot", ANSWERS.get(text.lower(), "I don't know. Say “human” to talk to one."))

    def hand_over(self) -> None:
        if self.bridge.availability()["status"] == "offline":
            self.say("bot", "Nobody is there right now.")
            return
        started = self.bridge.start_hitl(
            self.user,
            title="A question from the chat",
            message_history=self.history,
            bot_conversation_id=self.chat,
        )
        self.session = started["conversationId"]
        self.say("bot", "A human will be with you in a moment.")

    def be_told(self, event: Event) -> None:
        """An event of the bridge; those of other chats, and repeats, are none of ours."""
        if event.bot_conversation_id != self.chat or event.id in self.seen:
            return
        self.seen.add(event.id)
        if event.type == "hitlAssigned":
            self.say("bot", f"{event.data['agent']['name']} has joined.")
        elif event.type == "messageCreated":
            # Files come with payloads of their own, and the bridge's own words as the system's.
            who = "bot" if event.data.get("source") == "system" else "agent"
            self.say(who, event.text or str(event.data["payload"]))
        elif event.type == "messageStatus" and event.data["status"] in ("failed", "dropped"):
            self.say("bot", f"Your message was not delivered: {event.data.get('detail', '')}")
        elif event.is_last:
            self.session = ""
            self.say("bot", f"I am back ({event.data['reason']}).")

    def say(self, who: str, text: str) -> None:
        self.remember("bot", text)
        print(f"{who}: {text}", flush=True)

    def remember(self, who: str, text: str) -> None:
        self.history.append({"source": {"type": who}, "type": "text", "payload": {"text": text}})


def listen_to_feed(bot: Bot) -> None:
    """A bot that runs for long stores `event.cursor` and begins with it the next time."""
    for event in bot.bridge.events():
        with bot.turn:
            bot.be_told(event)


def listen_to_callbacks(bot: Bot, port: int, secret: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                event = verify_callback(secret, dict(self.headers.items()), body)
                with bot.turn:
                    bot.be_told(event)
                self.send_response(204)
            except InvalidSignature:
                self.send_response(401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet: the terminal is the chat."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def main() -> None:
    options = argparse.ArgumentParser(description="A bot that can hand over to a human.")
    options.add_argument("--callbacks", type=int, metavar="PORT", help="take callbacks there")
    port = options.parse_args().callbacks
    url = os.environ.get("BRIDGE_URL", "http://127.0.0.1:8000")
    bot = Bot(Bridge(url, os.environ["BOT_KEY"]))
    listening: tuple[Any, ...] = (listen_to_feed, bot)
    if port:
        listening = (listen_to_callbacks, bot, port, os.environ["CALLBACK_SECRET"])
    threading.Thread(target=listening[0], args=listening[1:], daemon=True).start()
    bot.say("bot", "Hello! Say “human” to talk to one; end with Ctrl-D.")
    for line in sys.stdin:
        if line.strip():
            with bot.turn:
                bot.hear(line.strip())


if __name__ == "__main__":
    main()
