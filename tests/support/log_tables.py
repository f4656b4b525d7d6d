"""The tables of a Log Analytics workspace that alerts and workbooks ask, as Microsoft documents them.

Only columns that a query here may have a use for; one that is missing makes the test of a query fail, and is then
looked up and added. The page of a table is https://learn.microsoft.com/azure/azure-monitor/reference/tables/ with the
table's name in lower case. For AzureDiagnostics that page lists what the services have in common; services add columns
of their own, typed by their ending (`_s` string, `_d` real, `_t` datetime, `_g` guid, `_b` bool).
"""


def _columns(text: str) -> dict[str, str]:
    """Read `Name: type, Name: type` into a mapping."""
    return dict(column.strip().split(": ") for column in text.split(",") if column.strip())


_EVERY_TABLE = """
    TimeGenerated: datetime, Type: string, TenantId: string, SourceSystem: string,
    _ResourceId: string, _SubscriptionId: string, _BilledSize: real, _IsBillable: string,
"""

_EVERY_TELEMETRY = """
    AppRoleInstance: string, AppRoleName: string, AppVersion: string, OperationId: string, OperationName: string,
    ParentId: string, Properties: dynamic, ItemCount: int, SDKVersion: string,
"""

LOG_TABLES: dict[str, dict[str, str]] = {
    name: _columns(_EVERY_TABLE + columns)
    for name, columns in {
        "AzureDiagnostics": """
            Category: string, OperationName: string, Level: string, Resource: string, ResourceGroup: string,
            ResourceId: string, ResourceProvider: string, ResourceType: string, ResultType: string,
            ResultDescription: string, ResultSignature: string, CorrelationId: string, CallerIPAddress: string,
            DurationMs: long, Message: string, properties_s: string, error_code_s: string, error_message_s: string,
            action_name_s: string, server_principal_sid_s: string, database_name_s: string, client_ip_s: string,
            event_time_t: datetime, httpStatusCode_d: real, requestUri_s: string, id_s: string,
        """,
        "AzureMetrics": """
            MetricName: string, Average: real, Count: real, Maximum: real, Minimum: real, Total: real,
            UnitName: string, TimeGrain: string, Resource: string, ResourceGroup: string, ResourceId: string,
            ResourceProvider: string, SubscriptionId: string,
        """,
        "AmlRunStatusChangedEvent": """
            RunId: string, ParentRunId: string, RootRunId: string, Status: string, Message: string, Level: string,
            Location: string, OperationName: string, ResultType: string, ResultDescription: string,
            ResultSignature: string, DurationMs: string, CorrelationId: string, Identity: string,
            TriggeringUserName: string, WorkspaceId: string, WorkspaceName: string,
        """,
        "AmlComputeClusterEvent": """
            ClusterName: string, ClusterType: string, EventType: string, OperationName: string,
            AllocationState: string, ProvisioningState: string, ClusterErrorCodes: string, IsResizeGrow: string,
            InitialNodeCount: int, MinimumNodeCount: int, MaximumNodeCount: int, CurrentNodeCount: int,
            TargetNodeCount: int, IdleNodeCount: int, RunningNodeCount: int, PreparingNodeCount: int,
            LeavingNodeCount: int, UnusableNodeCount: int, PreemptedNodeCount: string, CoreCount: int,
            NodeIdleTimeSecondsBeforeScaleDown: int, QuotaAllocated: string, QuotaUtilized: string,
            ScalingType: string, VmSize: string, VmPriority: string, VmFamilyName: string,
        """,
        "AmlComputeJobEvent": """
            JobId: string, JobName: string, EventType: string, ExecutionState: string, ProvisioningState: string,
            JobErrorMessage: string, ErrorDetails: string, ExperimentId: string, ExperimentName: string,
            ClusterId: string, ClusterName: string, NodeId: string, OperationName: string, ToolType: string,
            ResourceGroupName: string, WorkspaceName: string,
        """,
        "AppTraces": _EVERY_TELEMETRY + "Message: string, SeverityLevel: int, Measurements: dynamic",
        "AppMetrics": _EVERY_TELEMETRY + "Name: string, Sum: real, Max: real, Min: real",
        "AppExceptions": _EVERY_TELEMETRY
        + """
            ExceptionType: string, Message: string, Method: string, Assembly: string, ProblemId: string,
            OuterType: string, OuterMessage: string, OuterMethod: string, InnermostType: string,
            InnermostMessage: string, InnermostMethod: string, HandledAt: string, Details: dynamic,
            SeverityLevel: int, Measurements: dynamic,
        """,
        "StorageBlobLogs": """
            AccountName: string, Category: string, OperationName: string, ObjectKey: string, Uri: string,
            StatusCode: string, StatusText: string, AuthenticationType: string, CallerIpAddress: string,
            CorrelationId: string, DurationMs: real, ServerLatencyMs: real, RequestBodySize: long,
            ResponseBodySize: long, ContentLengthHeader: long, RequesterObjectId: string, RequesterAppId: string,
            LastModifiedTime: datetime, Etag: string, TlsVersion: string, UserAgentHeader: string,
        """,
        "Usage": """
            DataType: string, Solution: string, Quantity: real, QuantityUnit: string, IsBillable: bool,
            StartTime: datetime, EndTime: datetime, ResourceUri: string, MeterId: string,
        """,
    }.items()
}
