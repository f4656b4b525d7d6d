"""What Azure ML loads in every worker of the scoring step.

It lies at the root of the uploaded code, because only the folder of an entry script is certain to be on the path.
"""

from scoring.cluster.score import init, run

__all__ = ["init", "run"]
