"""MLflow's room: versions, aliases, artifacts."""
