"""What Botpress Hub's "HITL API" integration asks for, by user story."""
