"""The main job on real flights: train as a notebook would, deploy, replay the rest of the year as traffic, ask what drifted."""

from nb2prod.demo.story import Findings, run, shown

__all__ = ["Findings", "run", "shown"]
