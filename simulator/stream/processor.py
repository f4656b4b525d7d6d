"""The stream job on one machine: reads the hub, runs the query text, writes its outputs, and survives being killed.

Work is done in steps. A step's outputs and the engine's state are written first; then one file, the checkpoint, is
replaced by rename and names the step as done. Whatever was written without that is discarded at the next start and done
again from the same events, with the same result: the query's result depends on nothing but the hub's content.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from simulator.hub_clients.address import HubAddress
from simulator.hub_clients.reader import EVENTS_PER_STEP, Step, hub_ends, read_to_end
from simulator.stream.outputs import StreamOutputs
from stream_queries.engine import Query, StreamingQuery, decode
from stream_queries.errors import UserError
from stream_queries.files import replace_file
from stream_queries.time_policy import TimePolicy

Value = TypeVar("Value")


@dataclass(frozen=True)
class Checkpoint:
    """How far the processor is: its last complete step, and each partition's last event and latest arrival (ISO 8601).

    `closing` is where each partition ends, noted before the last step closes windows that are half full: if that step
    is cut short, it is done again with the same events, not with what has come since.
    """

    step: int = 0
    position: dict[int, int] = field(default_factory=dict)
    arrivals: dict[int, str] = field(default_factory=dict)
    events: int = 0
    undecodable: int = 0
    ended: bool = False
    closing: dict[int, int] | None = None

    @classmethod
    def read(cls, file: Path) -> "Checkpoint":
        """The checkpoint in `file`; a new one if there is none."""
        try:
            content: dict[str, Any] = json.loads(file.read_text())
            content["position"] = _by_number(content["position"])
            content["arrivals"] = _by_number(content["arrivals"])
            content["closing"] = _by_number(content["closing"]) if content["closing"] else None
            return cls(**content)
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise UserError(f"{file} is damaged ({reason}): start anew, a local run with --fresh") from error

    def write(self, file: Path) -> None:
        """Replace the checkpoint, at once."""
        replace_file(file, json.dumps(asdict(self)))


class StreamProcessor:
    """Runs one query over one hub, with its outputs in `out` and its own state in `state`."""

    def __init__(self, query: Query, policy: TimePolicy, *, out: Path, state: Path) -> None:
        self._query, self._policy = query, policy
        self._state = state
        self._outputs = StreamOutputs(out)
        try:
            state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write to {state}: {error.strerror}") from error
        self._checkpoint_file = state / "checkpoint.json"
        self.checkpoint = Checkpoint.read(self._checkpoint_file)
        self._outputs.discard_after(self.checkpoint.step)
        self._engine = self._restore()

    def run(
        self, address: HubAddress, *, size: int = EVENTS_PER_STEP, on_progress: Callable[[int], None] = lambda _: None
    ) -> Checkpoint:
        """Process all that is in the hub now, to its end: no window stays open, because nothing more will come.

        `on_progress` is told of events as they are done with. Raises UserError if the hub has events that came after an
        earlier run had closed the stream.
        """
        ends = hub_ends(address)
        if not self.checkpoint.ended:
            until = self.checkpoint.closing or ends
            arrivals = {number: datetime.fromisoformat(text) for number, text in self.checkpoint.arrivals.items()}
            for step in read_to_end(address, until, self.checkpoint.position, arrivals, size=size):
                if step.last:
                    self._commit(replace(self.checkpoint, closing=dict(until)))
                self._process(step)
                on_progress(step.events.num_rows)
        if any(last > self.checkpoint.position.get(number, -1) for number, last in ends.items()):
            raise UserError(f"{address} has events that came after its end was processed: use another folder")
        return self.checkpoint

    def close(self) -> None:
        """Release the outputs."""
        self._outputs.close()

    def _process(self, step: Step) -> None:
        number = self.checkpoint.step + 1
        decoded = decode(step.events)
        inputs = dict.fromkeys(self._query.inputs, decoded.events)
        outputs = [self._engine.push(inputs, clock=step.clock)] if step.events.num_rows else []
        if step.last:
            outputs.append(self._engine.close())
        self._outputs.write(number, outputs, decoded.undecodable)
        self._engine.save(self._engine_file(number))
        done = replace(
            self.checkpoint,
            step=number,
            position=dict(step.position),
            arrivals={number: moment.isoformat() for number, moment in step.arrivals.items()},
            events=self.checkpoint.events + step.events.num_rows,
            undecodable=self.checkpoint.undecodable + decoded.undecodable.num_rows,
            ended=step.last,
        )
        before = self.checkpoint.step
        self._commit(done)
        self._engine_file(before).unlink(missing_ok=True)

    def _commit(self, checkpoint: Checkpoint) -> None:
        checkpoint.write(self._checkpoint_file)
        self.checkpoint = checkpoint

    def _restore(self) -> StreamingQuery:
        if not self.checkpoint.step:
            return StreamingQuery(self._query, policy=self._policy)
        return StreamingQuery.restore(self._query, policy=self._policy, file=self._engine_file(self.checkpoint.step))

    def _engine_file(self, step: int) -> Path:
        return self._state / f"engine-{step:06d}"


def _by_number(values: dict[str, Value]) -> dict[int, Value]:
    """JSON has texts for keys."""
    return {int(number): value for number, value in values.items()}
