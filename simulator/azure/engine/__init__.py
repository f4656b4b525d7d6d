"""The real Pulumi engine, run on a tree of this project against a simulated subscription.

A tree is a folder with `infra/`, `scoring/`, `stream_queries/`, `Pulumi.yaml` and `Pulumi.<stack>.yaml`. Its program
runs in a process of its own, through the Automation API, so nothing but the command line tool is needed; no file of the
tree is written, nothing is fetched, and no credential of the environment is passed on.
"""

from simulator.azure.engine.cli import find_cli
from simulator.azure.engine.operations import Engine, Running
from simulator.azure.engine.steps import Change, EngineError, Message, Result, Step

__all__ = ["Change", "Engine", "EngineError", "Message", "Result", "Running", "Step", "find_cli"]
