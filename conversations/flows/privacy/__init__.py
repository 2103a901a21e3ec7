"""What becomes of people's data: retention, erasure, export (docs/operators/privacy.md)."""
