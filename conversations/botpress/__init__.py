"""The edge to Botpress Hub's "HITL API" integration: its five calls over HTTP."""
