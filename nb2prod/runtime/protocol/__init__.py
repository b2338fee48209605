"""What the service speaks: JSON, the Open Inference Protocol, feedback, problem details, its own description."""
