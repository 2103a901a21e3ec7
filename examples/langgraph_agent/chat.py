"""The agent in a terminal.

    BOT_KEY=… python examples/langgraph_agent/chat.py

Environment: BRIDGE_URL (default http://127.0.0.1:8000), BOT_KEY.
"""

from __future__ import annotations

import os
import sys
import threading
import uuid

from agent import Graph, build, resume, thread_config
from langchain_core.messages import HumanMessage

from hitl_bridge_client import Bridge, Conflict

# An event may be there before the graph has come to its interrupt.
turn = threading.Lock()


def show(who: str, text: str) -> None:
    print(f"{who}: {text}", flush=True)


def listen(graph: Graph, bridge: Bridge, thread: str) -> None:
    """Show what the human writes; resume the graph at the end of the session."""
    for event in bridge.events():
        if event.bot_conversation_id != thread:
            continue
        if event.type == "hitlAssigned":
            show("bot", f"{event.data['agent']['name']} has joined.")
        elif event.type == "messageCreated":
            show("agent", event.text or str(event.data["payload"]))
        elif event.is_last:
            with turn:
                answer = resume(graph, bridge, event)
            if answer:
                show("bot", answer)


def hear(graph: Graph, bridge: Bridge, thread: str, text: str) -> None:
    """What the user wrote: for the human while the graph waits for one, else for the graph."""
    config = thread_config(thread)
    now = graph.get_state(config).values
    if now.get("session"):
        try:
            bridge.send_text(now["session"], text, user_id=now["user"])
        except Conflict:
            show("bot", "The human has just left. Please say that again.")
        return
    with turn:
        result = graph.invoke({"messages": [HumanMessage(text)]}, config)
    if "__interrupt__" in result:
        show("bot", "A human will be with you in a moment.")
    else:
        show("bot", str(result["messages"][-1].content))


def main() -> None:
    url = os.environ.get("BRIDGE_URL", "http://127.0.0.1:8000")
    bridge = Bridge(url, os.environ["BOT_KEY"])
    graph, thread = build(bridge), uuid.uuid4().hex
    threading.Thread(target=listen, args=(graph, bridge, thread), daemon=True).start()
    show("bot", "Hello! Say “human” to talk to one; end with Ctrl-D.")
    for line in sys.stdin:
        if line.strip():
            hear(graph, bridge, thread, line.strip())


if __name__ == "__main__":
    main()
