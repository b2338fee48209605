"""From counts to what is told: limits on metrics, traffic, the monitor's alarms; each alert with begin, end and words."""
