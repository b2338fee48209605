"""Deployments, versions, panes, alerts, actions and audit in SQL."""
