"""A deployment's report: a summary first, then its text, JSON and HTML."""

from nb2prod.monitoring.report.dashboard import grafana
from nb2prod.monitoring.report.page import Page
from nb2prod.monitoring.report.summary import of_deployment, of_monitor, summarise

__all__ = ["Page", "grafana", "of_deployment", "of_monitor", "summarise"]
