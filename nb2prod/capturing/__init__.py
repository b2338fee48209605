"""Live objects to a capture: discovery, code, dependencies, signature, lineage, findings, replay."""
