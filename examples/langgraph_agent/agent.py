"""A LangGraph agent that interrupts for a human, and resumes with what was said.

    assistant ──▶ hand_over ──▶ wait_for_human ──▶ assistant
                 (opens the session)  (interrupt)

One interrupt is one whole session. A node runs again from its top when it is resumed, and the
session has ended by then: started in the same node it would be started again. So the session is
opened in a node of its own, whose result the checkpoint keeps. If that node is cut off between the
call and the checkpoint, it runs again and gets the same session: `botConversationId` (the thread)
has one open session at a time.
"""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, interrupt

from hitl_bridge_client import Bridge, Event

Graph = CompiledStateGraph[Any, Any, Any, Any]


class State(MessagesState, total=False):
    """The chat, and the session with a human."""

    user: str  # the bridge's ids
    session: str
    reason: str  # why the last session ended


def scripted_model(state: State) -> str:
    """Stands in for a chat model that was given the tool “ask a human”."""
    if state.get("reason"):
        told = [m for m in state["messages"] if isinstance(m, AIMessage) and m.name == "agent"]
        last = f" I have read the answer: “{told[-1].content}”" if told else ""
        return f"The human has left ({state['reason']}).{last}"
    wanted = "human" in str(state["messages"][-1].content).lower()
    return "ASK A HUMAN" if wanted else "I can't answer that. Say “human” to talk to one."


def assistant(state: State) -> Command[Literal["hand_over", "__end__"]]:
    answer = scripted_model(state)
    if answer == "ASK A HUMAN":
        return Command(goto="hand_over")
    return Command(goto="__end__", update={"messages": [AIMessage(answer)], "reason": ""})


def wait_for_human(state: State) -> dict[str, Any]:
    """Nothing happens here ahead of the interrupt, because all of it would happen twice."""
    outcome = interrupt({"conversationId": state["session"]})
    return {"messages": outcome["transcript"], "reason": outcome["reason"], "session": ""}


def build(bridge: Bridge) -> Graph:
    """The graph. With a checkpointer that keeps (SQLite, PostgreSQL) it survives restarts."""

    def hand_over(state: State, config: RunnableConfig) -> dict[str, str]:
        thread = config["configurable"]["thread_id"]
        user = bridge.create_user("Ana", external_id=thread)
        started = bridge.start_hitl(
            user,
            title="Handed over by the agent",
            message_history=history(state["messages"]),
            bot_conversation_id=thread,
        )
        return {"user": user, "session": started["conversationId"]}

    graph = StateGraph(State)
    graph.add_node(assistant)
    graph.add_node(hand_over)
    graph.add_node(wait_for_human)
    graph.add_edge(START, "assistant")
    graph.add_edge("hand_over", "wait_for_human")
    graph.add_edge("wait_for_human", "assistant")
    return graph.compile(checkpointer=MemorySaver())


def resume(graph: Graph, bridge: Bridge, event: Event) -> str | None:
    """Go on once the session is over; what the agent says then. None: nobody waits for this."""
    config = thread_config(event.bot_conversation_id)
    waiting = graph.get_state(config).values.get("session")
    if not event.is_last or waiting != event.conversation_id:
        return None
    outcome = {
        "reason": event.data["reason"],
        "transcript": [
            said(message["author"], message["payload"].get("text", message["type"]))
            for message in bridge.messages(event.conversation_id)
        ],
    }
    result = graph.invoke(Command(resume=outcome), config)
    return str(result["messages"][-1].content)


def thread_config(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread}}


def history(messages: list[AnyMessage]) -> list[dict[str, Any]]:
    """The chat so far, as the bridge has it."""
    return [
        {
            "source": {"type": "user" if isinstance(message, HumanMessage) else "bot"},
            "type": "text",
            "payload": {"text": str(message.content)},
        }
        for message in messages
    ]


def said(author: str, text: str) -> AnyMessage:
    """What was said during the session, as LangGraph has it."""
    return HumanMessage(text) if author == "user" else AIMessage(text, name=author)
