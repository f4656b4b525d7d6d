"""What the stream job does, as Azure has it: written, read back, compared with what was declared.

The declared definition is one template, which Azure keeps under its deployment's name. Whether a later PUT of the job
keeps or drops inputs, outputs and query is not documented: here they are looked at, and put back where they are gone.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from azure.core.exceptions import AzureError

from infra.names import STREAM_DEFINITION, STREAM_JOBS
from infra.release.work.resource_manager import ResourceManager
from infra.release.work.template_deployment import TemplateDeployment
from scoring.patience import Patience, advice, first_line, passing_reason
from stream_queries.errors import UserError

JOB_API = "2020-03-01"
EXPAND = "inputs,outputs,transformation"
"""A GET leaves these out unless they are asked for.
Source: https://learn.microsoft.com/rest/api/streamanalytics/streaming-jobs/get ($expand)"""

_RIGHTS = re.compile(
    r"not authorized|unauthorized|forbidden|login failed|status.?code:? 40[13]|invalid credentials|"
    r"claims?\b.* required|access (is )?denied|denied access|not able to access|AuthorizationPermissionMismatch|"
    r"(no|not have|without|lacks?|insufficient|sufficient) ((the|any) )?((required|appropriate|necessary|sufficient) )?"
    r"(access|permission|privilege|authorization|rights)",
    re.IGNORECASE,
)
"""How Azure is known to say, with status 400, that the job's identity may not read or write something (yet)."""

SECONDS_FOR_ANY_REFUSAL = 5 * 60.0
"""How long every refusal is taken for one about rights: nobody documents all the words that Azure has for it."""

_READ_ONLY = ("etag", "diagnostics", "validStreamingUnits")
"""Of a child's properties, what Azure answers and nobody writes.
Source: https://learn.microsoft.com/azure/templates/microsoft.streamanalytics/streamingjobs"""

Children = Sequence[Mapping[str, Any]]
"""Resources of the template, each with `type`, `name` (`job/child`) and `properties`."""


class RightsError(UserError):
    """The job's identity did not get its rights in time; the text says what to do."""


@dataclass(frozen=True)
class JobDefinition:
    """The definition of one job; waiting for its rights takes as long as `patience`."""

    manager: ResourceManager
    job_id: str
    patience: Patience

    def write(self, children: Children) -> str:
        """Write inputs, outputs and query in order, as soon as the job's identity may use them; says what was done."""
        return self._write_all(children, SECONDS_FOR_ANY_REFUSAL)

    def rewrite(self, children: Children) -> str:
        """The same for a job that had a definition, which stands still meanwhile: only for rights it is waited."""
        return self._write_all(children, 0)

    def present(self) -> list[Mapping[str, Any]]:
        """What the job has now, whoever declared it, in the order in which it can be written."""
        job = self.job_id.rpartition("/")[2]
        return [
            {"type": f"{STREAM_JOBS}/{kind}", "name": f"{job}/{name}", "properties": _without(properties, _READ_ONLY)}
            for (kind, name), properties in self._running().items()
        ]

    def deployment(self) -> Mapping[str, Any] | None:
        """The properties that deployed it last; None before the first deployment."""
        template = self._deployment.template()
        return {"mode": "Incremental", "template": template} if template else None

    def put_back(self, before: Children, deployment: Mapping[str, Any] | None = None) -> str | None:
        """Make the definition what it was before a change that failed; says what was done, None if nothing.

        `deployment` are the properties that had deployed it, if that is known. Azure may have taken others, and the
        answer was lost: these are deployed again then, for what was deployed last is what later looks at the job
        compare with. All is tried; raises UserError if not all could be done.
        """
        last, now = self._deployment.ended(), _by_key(self.present())
        changed = [child for child in before if now.get(_key(child)) != child["properties"]]
        failed = list[str]()

        def attempt(what: str, action: Callable[[], object]) -> bool:
            try:
                action()
            except (UserError, AzureError) as error:
                failed.append(f"{what}: {first_line(error)}")
                return False
            return True

        done = [child for child in changed if attempt(_title(child), lambda child=child: self._brief.rewrite([child]))]
        said = [f"{', '.join(map(_title, done))} put back"] if done else []
        attempt("what the change added", lambda: self._keep_only(before, now))
        if (
            last
            and deployment
            and self._deployment.template() != deployment["template"]
            and attempt("deployment", lambda: self._deployment.repeat(deployment))
        ):
            said.append(f"the deployment {STREAM_DEFINITION} made again")
        if failed:
            raise UserError("; ".join(failed))
        return ", ".join(said) or None

    @property
    def _brief(self) -> "JobDefinition":
        """The same for what was accepted before, while the job stands still."""
        return replace(self, patience=replace(self.patience, seconds=SECONDS_FOR_ANY_REFUSAL))

    def restore(self, children: Children | None = None) -> str | None:
        """Write again what the job has lost of `children`, else of what was deployed last; says so, None if nothing."""
        declared = self.deployed() if children is None else children
        running = self._running() if declared else {}
        lost = [child for child in declared if _key(child) not in running]
        if not lost:
            return None
        self.write(lost)
        return f"{', '.join(map(_title, lost))} put back, which the change had dropped"

    def remove_undeclared(self) -> None:
        """Delete what the job has and the definition deployed last has not: a template deletes nothing.

        Where Azure no longer knows what was deployed last, nothing is deleted.
        """
        if deployed := self.deployed():
            self._keep_only(deployed, self._running())

    def differences(self) -> list[str]:
        """Where the running definition is not the one deployed last: a line each, `outputs windows: datasource.…`."""
        running, found = self._running(), []
        for child in self.deployed():
            there = running.pop(_key(child), None)
            if there is None:
                found.append(f"{_title(child)} is missing")
            else:
                found += [f"{_title(child)}: {path}" for path in _unlike(child["properties"], there)]
        return found + [f"{kind} {name} is in nobody's definition" for kind, name in running]

    def deployed(self) -> list[Mapping[str, Any]]:
        """The children as they were deployed last; none before the first deployment."""
        job = self.job_id.rpartition("/")[2]
        return [
            child
            for child in self._deployment.template().get("resources", [])
            if child["name"].partition("/")[0] == job
        ]

    @property
    def _deployment(self) -> TemplateDeployment:
        group = self.job_id.partition("/providers/")[0]
        return TemplateDeployment(self.manager, group, STREAM_DEFINITION, self.patience)

    def _keep_only(self, children: Children, running: Iterable[tuple[str, str]]) -> None:
        for kind, name in set(running) - {_key(child) for child in children}:
            child = f"{self.job_id}/{kind}/{name}"
            self.patience.retry("stream definition", lambda child=child: self.manager.delete(child, JOB_API))

    def _write_all(self, children: Children, seconds_for_any: float) -> str:
        for child in children:
            self._write(child, seconds_for_any)
        return f"inputs, outputs and query are accepted ({len(children)})"

    def _write(self, child: Mapping[str, Any], seconds_for_any: float) -> None:
        """Put it until it is accepted, at first whatever Azure says, then only while it speaks of rights."""
        refusals: list[AzureError] = []
        brief = min(seconds_for_any, self.patience.seconds / 2)
        for seconds, any_refusal in ((brief, True), (self.patience.seconds - brief, False)):
            if seconds == 0:
                continue
            with suppress(TimeoutError):
                replace(self.patience, seconds=seconds).until(
                    f"writing {_title(child)}", lambda any_=any_refusal: self._is_accepted(child, refusals, any_)
                )
                return
        minutes, last = f"{self.patience.seconds / 60:.0f} minutes", refusals[-1]
        told = f"{_title(child)}: for {minutes} Azure has said: {first_line(last).rstrip('.')}"
        if getattr(last, "status_code", None) != 400:
            raise RightsError(f"{told}; {advice(last)}") from last
        raise RightsError(
            f"{told}; a new role takes up to 30 minutes to be known everywhere (propagation): see that nobody took one "
            "away"
        ) from last

    def _is_accepted(self, child: Mapping[str, Any], refusals: list[AzureError], any_refusal: bool) -> bool:
        """Put it once; what Azure says against it, and may stop to say, is noted."""
        kind, name = _key(child)
        try:
            self.manager.put(f"{self.job_id}/{kind}/{name}", JOB_API, {"properties": _plain(child["properties"])})
        except AzureError as error:
            refused = getattr(error, "status_code", None) == 400
            reason = passing_reason(error)
            if refused and (any_refusal or is_about_rights(str(error))):
                reason = "waiting for the job's rights"
            if reason is None:
                raise
            refusals.append(error)
            self.patience.say(f"stream definition: {_title(child)}: {reason}: {first_line(error)}")
            return False
        return True

    def _running(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Properties by kind and name of what the job has."""
        job = self.patience.retry("stream definition", lambda: self.manager.get(self.job_id, JOB_API, expand=EXPAND))
        properties = (job or {}).get("properties", {})
        query = properties.get("transformation")
        found = {"inputs": properties.get("inputs", []), "outputs": properties.get("outputs", [])}
        found["transformations"] = [query] if query else []
        return {(kind, one["name"]): one.get("properties", {}) for kind, ones in found.items() for one in ones}


def is_about_rights(text: str) -> bool:
    """Whether Azure refuses a definition because the job's identity may not use what it names."""
    return _RIGHTS.search(text) is not None


def _key(child: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and name: `outputs`, `archive`."""
    return child["type"].rpartition("/")[2], child["name"].rpartition("/")[2]


def _by_key(children: Children) -> dict[tuple[str, str], Any]:
    return {_key(child): child["properties"] for child in children}


def _without(properties: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in names}


def _title(child: Mapping[str, Any]) -> str:
    kind, name = _key(child)
    return f"{kind.removesuffix('s')} {name}"


def _plain(value: Any) -> Any:
    """A value of a template as the resource gets it: `[[` stands for a bracket that begins no expression."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.removeprefix("[") if isinstance(value, str) and value.startswith("[[") else value


def _unlike(declared: Any, there: Any, path: str = "") -> Iterator[str]:
    """Where something declared is otherwise; what Azure adds is its own affair."""
    if isinstance(declared, Mapping):
        for key, value in declared.items():
            inner = there.get(key) if isinstance(there, Mapping) else None
            yield from _unlike(value, inner, f"{path}.{key}".removeprefix("."))
    elif isinstance(declared, list):
        items = there if isinstance(there, list) else []
        if len(items) != len(declared):
            yield path
        for index, (value, inner) in enumerate(zip(declared, items, strict=False)):
            yield from _unlike(value, inner, f"{path}[{index}]")
    elif _folded(_plain(declared), path) != _folded(there, path):
        yield path


def _folded(value: Any, path: str) -> Any:
    """Azure may write names and words in letters of its own; in a query the letters count, but no line ends."""
    if not isinstance(value, str):
        return value
    return value.split() if path == "query" else value.casefold()
