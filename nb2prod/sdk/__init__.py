"""Joins the steps; what every front door calls."""
