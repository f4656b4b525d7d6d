"""Jobs: what was asked to run once, and what became of it."""

from typing import Any

from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.machine_learning.workspace import Workspace
from simulator.azure.subscription import StoredResource

ENDED = ("Completed", "Failed", "Canceled")


class Jobs:
    """A job's name is taken for ever: that is what makes a submission under a name of one's own happen once.

    Source: https://learn.microsoft.com/rest/api/azureml/jobs/create-or-update (forms)
    Assumed: a name that is taken answers 409, a job that has ended cannot be cancelled, and pipeline jobs need the
    token's header, as azure-ai-ml sends it; a client that is refused less than here loses nothing.
    """

    def answer(self, workspace: Workspace, rest: list[str], request: Request) -> Answer:
        """Answer a request for jobs."""
        match request.method, rest:
            case "GET", []:
                return Answer.of(200, {"value": [job.body for job in workspace.newest_first("jobs")]})
            case "GET", [name]:
                return Answer.of(200, workspace.existing("jobs", name).body)
            case "PUT", [name]:
                return self._put(workspace, name, request)
            case "POST", [name, "cancel"]:
                return self._cancel(workspace, name)
        raise ServiceError(405, "MethodNotAllowed", f"{request.method} {request.path} is not simulated")

    @staticmethod
    def _put(workspace: Workspace, name: str, request: Request) -> Answer:
        sent = request.json().get("properties", {})
        if sent.get("jobType") != "Pipeline":
            raise ServiceError(400, "UserError", f"jobs of type {sent.get('jobType')!r} are not simulated")
        if "x-azureml-token" not in request.headers:
            raise ServiceError(400, "UserError", "the header x-azureml-token is required for pipeline jobs")
        check_components(workspace, sent)
        if workspace.get("jobs", name) is not None:
            message = f"A job with the name {name} already exists. To create a new job, use a different name."
            raise ServiceError(409, "UserError", message)
        return Answer.of(201, create_job(workspace, name, sent).body)

    @staticmethod
    def _cancel(workspace: Workspace, name: str) -> Answer:
        job = workspace.existing("jobs", name)
        if job.body["properties"]["status"] in ENDED:
            raise ServiceError(400, "UserError", f"the job {name} has ended")
        workspace.keep("jobs", name, properties=job.body["properties"] | {"status": "Canceled"})
        return Answer(200)


def create_job(workspace: Workspace, name: str, definition: dict[str, Any]) -> StoredResource:
    """Keep a job that is to run; `definition` is its `properties` as a client or a schedule wrote them."""
    studio = {
        "jobServiceType": "Studio",
        "endpoint": f"https://ml.azure.com/runs/{name}?wsid={workspace.resource.id}",
    }
    properties = {"experimentName": "Default", **definition, "status": "NotStarted", "services": {"Studio": studio}}
    return workspace.keep("jobs", name, properties=properties, state={"definition": definition})


def check_components(workspace: Workspace, definition: dict[str, Any]) -> None:
    """Refuse a pipeline that uses a component nobody published.

    Assumed: it is refused when it is sent, not when it runs; safe, because components are published first.
    """
    for name, node in (definition.get("jobs") or {}).items():
        component = node.get("componentId")
        if component is None or workspace.subscription.get(component) is None:
            raise ServiceError(400, "UserError", f"the component of the step {name} does not exist: {component}")
