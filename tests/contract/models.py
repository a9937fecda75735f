"""What the client's own OpenAPI file, and the contract beyond it, say about an answer."""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import requests
from jsonschema import Draft202012Validator

DOCUMENT: dict[str, Any] = json.loads(
    files("argus_api.schema.sampledb").joinpath("sampledb.json").read_text(encoding="utf-8")
)
BASE = "/sampledb/v2"
STASH = "no.mnemonic.services.argus.common.rest.model.ResultStash"
ENVELOPE = {"responseCode", "limit", "offset", "count", "size", "metaData", "messages", "data"}
MESSAGE_TYPES = {"FIELD_ERROR", "ACTION_ERROR", "WARNING", "NOTIFICATION", "INFO"}
BARE = {"getEvidenceData", "downloadRawSample", "downloadSafeSample", "fetchAnalysisWorkerSchema"}

#: The model of the only answer whose model the client's file forgot (contract, Appendix A).
FORGOTTEN = {
    "addAnalysisRule": "ResultStash-no.mnemonic.services.sample.spi.v2.response.AnalysisRuleResponse"
}

#: Properties that an answer has beyond the client's model (contract 3.2).
BEYOND = {"JobTaskResponse": {"analysis"}}

#: The models require nothing, so the properties that make no sense to leave out are listed here.
ALWAYS: dict[str, set[str]] = {
    "AccessControl": {"subject", "grantedByUser", "grantedTimestamp"},
    "AnalysisInfo": {"id", "analysisScore", "userAgent"},
    "AnalysisPolicyResponse": {"workers", "options"},
    "AnalysisResult": {
        *("analysisID", "sampleSha256", "analysisResult", "analysisScore", "customer", "userAgent", "tlp"),
        *("createdByUser", "createdTimestamp", "flags"),
    },
    "AnalysisRuleResponse": {
        "id",
        "name",
        "description",
        "match",
        "action",
        "createdTimestamp",
        "createdByUser",
    },
    "AnalysisSummaryResponse": {"analysers"},
    "AnalysisWorkerInfo": {"id", "shortName"},
    "AnalysisWorkerResponse": {
        *("id", "shortName", "localizedName", "localizedNames", "localizedDescription"),
        *("localizedDescriptions", "createdTimestamp", "flags"),
    },
    "ChallengeTokenResponse": {"id", "sha256"},
    "ClassificationResponse": {"type"},
    "CustomerInfo": {"id", "shortName"},
    "Evidence": {
        "id",
        "fileName",
        "mimeType",
        "size",
        "checksum",
        "flags",
        "createdByUser",
        "createdTimestamp",
    },
    "JobInfo": {"id", "state"},
    "JobResponse": {"id", "customer", "analysedSample", "state", "enqueuedTimestamp"},
    "JobTaskResponse": {"id", "worker", "state", "analyses"},
    "Link": {
        *("id", "sampleSha256", "type", "referencedSample", "tlp", "customer", "userAgent"),
        *("createdByUser", "createdTimestamp", "flags"),
    },
    "LinkSummaryResponse": {"linkTypeSummary"},
    "LinkTypeSummary": {"type", "count"},
    "SampleCompleteUploadResponse": {"exists", "sample", "challenge"},
    "SampleInfo": {"id", "size"},
    "SampleMetaData": {"sha256"},
    "SampleServiceTaskResponse": {"correlationID"},
    "SampleUploadChallengeResponse": {"id", "offset", "length"},
    "ServiceTask": {"id", "correlationID", "operation", "state", "createdTimestamp", "flags"},
    "StaticFactResponse": {
        "id",
        "sampleSha256",
        "key",
        "value",
        "userAgent",
        "createdByUser",
        "createdTimestamp",
    },
    "SubmissionMetricRecord": {"count"},
    "SubmissionRateLimitedResponse": {"sampleSha256"},
    "SubmissionResponse": {
        *("id", "sampleSha256", "fileName", "mimeType", "metaData", "tlp", "userAgent", "customer"),
        *("observedTimestamp", "submittedTimestamp", "flags"),
    },
    "UserAgent": {"name", "version"},
    "UserInfo": {"id", "shortName"},
    "VerdictResponse": {"sampleSha256", "score", "flags", "createdTimestamp"},
}


@dataclass(frozen=True)
class Operation:
    """One of the 57 operations of the client's file, or the older generation's POST of a job task."""

    id: str
    method: str
    path: str
    responses: dict[str, Any]

    def matches(self, method: str, path: str) -> bool:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.path))
        return method == self.method and re.fullmatch(pattern, path) is not None

    def model(self, status: int) -> str | None:
        """The name of the component that describes the answer, None for an answer that has none."""
        for key in (str(status), "default"):
            for content in self.responses.get(key, {}).get("content", {}).values():
                if "$ref" in content.get("schema", {}):
                    return str(content["schema"]["$ref"]).rsplit("/", 1)[1]
        return FORGOTTEN.get(self.id)


OPERATIONS: dict[str, Operation] = {
    item["operationId"]: Operation(item["operationId"], method.upper(), path, item["responses"])
    for path, methods in DOCUMENT["paths"].items()
    for method, item in methods.items()
}
ADD_JOB_TASK = Operation(
    "addJobTask", "POST", f"{BASE}/job/{{jobID}}/task", OPERATIONS["getJobTask"].responses
)


def operation_of(method: str, path: str) -> Operation | None:
    """The operation that serves a request; a literal path segment wins over a parameter."""
    found = [o for o in (*OPERATIONS.values(), ADD_JOB_TASK) if o.matches(method, path)]
    return min(found, key=lambda o: o.path.count("{"), default=None)


def check(response: requests.Response) -> None:
    """Asserts that an answer is in the envelope and fits the model of its operation."""
    path = response.url.split("?")[0].split("/", 3)[3]
    path = "/" + path.rstrip("/")
    operation = operation_of(response.request.method or "", path)
    assert response.status_code < 500, f"{response.request.method} {path}: {response.text[:2000]}"
    if response.status_code >= 400:
        check_error(response)
    elif operation is not None and operation.id not in BARE:
        check_success(response, operation)


def check_error(response: requests.Response) -> None:
    envelope = enveloped(response)
    assert envelope.get("data") is None, "an error carries no data"
    assert envelope["messages"], "an error says what is wrong"
    assert (envelope["limit"], envelope["offset"], envelope["count"], envelope["size"]) == (0, 0, 0, 0)


def check_success(response: requests.Response, operation: Operation) -> None:
    envelope = enveloped(response)
    model = operation.model(response.status_code)
    assert model is not None, f"{operation.id} has no model for {response.status_code}"
    errors = [f"{e.json_path}: {e.message}" for e in validator(model).iter_errors(envelope)]
    assert not errors, f"{operation.id} does not fit {model}: {errors}"
    data = envelope["data"]
    described = DOCUMENT["components"]["schemas"][model]["properties"]["data"]
    if isinstance(data, list):
        assert envelope["size"] == len(data)
        assert envelope["count"] == -1 or envelope["count"] >= envelope["size"]
    else:
        assert (envelope["limit"], envelope["offset"], envelope["count"], envelope["size"]) == (0, 0, 0, 0)
    check_properties(described, data, operation.id)


def enveloped(response: requests.Response) -> dict[str, Any]:
    """The envelope of an answer, checked by the rules that hold for every one (contract 1.3)."""
    assert response.headers["Content-Type"].split(";")[0] == "application/json", response.headers
    envelope: dict[str, Any] = response.json()
    missing = ENVELOPE - {"data"} - envelope.keys()
    assert not missing, f"the envelope lacks {missing}"
    assert envelope.keys() <= ENVELOPE, f"the envelope has {envelope.keys() - ENVELOPE}"
    assert envelope["responseCode"] == response.status_code
    assert isinstance(envelope["metaData"], dict)
    stash = {name: value for name, value in envelope.items() if name != "data"}
    errors = [f"{e.json_path}: {e.message}" for e in validator(STASH).iter_errors(stash)]
    assert not errors, errors
    for message in envelope["messages"]:
        assert message["type"] in MESSAGE_TYPES
        assert isinstance(message["message"], str)
        assert message["message"]
        assert message["type"] != "FIELD_ERROR" or message["field"], "a field error names its field"
        assert None not in message.values(), "nulls are left out"
    return envelope


def check_properties(described: dict[str, Any], value: Any, where: str) -> None:
    """Asserts what the models leave open: no unknown property, no null, nothing left out that always is."""
    assert value is not None, f"{where} is null"
    if "$ref" in described:
        name = described["$ref"].rsplit("/", 1)[1]
        described, short = DOCUMENT["components"]["schemas"][name], name.rsplit(".", 1)[1]
        missing = ALWAYS.get(short, set()) - value.keys()
        assert not missing, f"{where} lacks {missing}"
        for name, item in value.items():
            if name in BEYOND.get(short, set()):
                continue
            assert name in described["properties"], f"{where}.{name} is not in {short}"
            check_properties(described["properties"][name], item, f"{where}.{name}")
    elif described.get("type") == "array":
        for index, item in enumerate(value):
            check_properties(described["items"], item, f"{where}[{index}]")


@cache
def validator(component: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{component}", "components": DOCUMENT["components"]}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
