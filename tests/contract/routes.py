"""Every route of the contract, with the lowest role that may use it and where its object is."""

from dataclasses import dataclass
from typing import Any

from tests.contract.conftest import World
from tests.contract.driver import AGENT

READ = {"viewer", "user", "analyzer", "admin"}
UPLOAD = {"uploader", "user", "analyzer", "admin"}
ANALYSE = {"analyzer", "admin"}
ADMINISTER = {"admin"}

CANCEL = {"user", "analyzer", "admin"}
TELL = {"user", "analyzer", "admin"}

NEVER = "01234567-89ab-7def-8123-456789abcdef"


@dataclass(frozen=True)
class Route:
    """One route; `scope` says whose it is: a sample's, a job's, or nobody's."""

    method: str
    path: str
    roles: set[str] | None
    scope: str = ""
    #: a body that would succeed, with names of the world in braces
    body: dict[str, Any] | None = None
    #: what the request asks beyond its path
    query: str = ""

    def url(self, world: World) -> str:
        return self._path(world) + self.query

    def _path(self, world: World) -> str:
        return self.path.format(
            sha256=world.sample.sha256,
            job=world.jobs[0],
            task=world.tasks[0],
            analysis=world.analyses[0],
            evidence=world.evidence[0],
            link=world.links[0],
            submission=world.sample.submission["id"],
            worker=world.workers[0],
            rule=world.rules[0],
            never=NEVER,
        )


SAMPLE = "/sample/{sha256}"
ANALYSIS = f"{SAMPLE}/analysis/{{analysis}}"
A_LINK = {"reference": "0" * 64, "tlp": "amber", "type": "child", "userAgent": AGENT}
AN_ANALYSIS = {
    "analysisResult": {},
    "analysisScore": 1,
    "customer": "other",
    "tlp": "amber",
    "userAgent": AGENT,
}
A_FACT = {"key": "k", "value": "v", "userAgent": AGENT}
A_VERDICT = {"comment": "c", "statusOverride": "benign"}

#: The 57 operations, the older generation's POST of a job task, and ours. What destroys is aimed at nothing.
ROUTES: list[Route] = [
    Route("GET", "/job", READ),
    Route("POST", "/job/search", READ),
    Route("GET", "/job/{job}", READ, "job"),
    Route("GET", "/job/{job}/task/{task}", READ, "job"),
    Route("PUT", "/job/{job}/task/{task}", ANALYSE, "job", {"state": "executing"}),
    Route("POST", "/job/{job}/task", ANALYSE, "job", {"worker": "intruder"}),
    Route("GET", "/job/{job}/tasks", READ, "job"),
    Route("GET", "/sample", READ),
    Route("POST", "/sample", UPLOAD),
    Route("POST", "/sample/search", READ),
    Route("GET", SAMPLE, READ, "sample"),
    Route("DELETE", f"/sample/{'0' * 64}", ADMINISTER),
    Route("GET", f"{SAMPLE}/analysis", READ, "sample"),
    Route("POST", f"{SAMPLE}/analysis", ANALYSE, "sample", AN_ANALYSIS),
    Route("GET", f"{SAMPLE}/analysis/summary", READ, "sample"),
    Route("GET", ANALYSIS, READ, "sample"),
    Route("GET", f"{ANALYSIS}/evidence", READ, "sample"),
    Route("GET", f"{ANALYSIS}/evidence/{{evidence}}", READ, "sample"),
    Route("GET", f"{ANALYSIS}/evidence/{{evidence}}/download", READ, "sample"),
    Route("POST", f"{ANALYSIS}/evidence/roles.bin", ANALYSE, "sample", {}),
    Route("POST", f"{SAMPLE}/challenge", UPLOAD),
    Route("GET", f"{SAMPLE}/classification", READ, "sample"),
    Route("GET", f"{SAMPLE}/fact", READ, "sample"),
    Route("POST", f"{SAMPLE}/fact", ANALYSE, "sample", A_FACT),
    Route("GET", f"{SAMPLE}/link", READ, "sample"),
    Route("POST", f"{SAMPLE}/link", ANALYSE, "sample", A_LINK),
    Route("GET", f"{SAMPLE}/link/summary", READ, "sample"),
    Route("GET", f"{SAMPLE}/link/{{link}}", READ, "sample"),
    Route("GET", f"{SAMPLE}/raw", READ, "sample"),
    Route("PUT", f"{SAMPLE}/reanalyse", ANALYSE, "sample", {}),
    Route("PUT", f"{SAMPLE}/reclassify", ANALYSE, "sample", {}),
    Route("GET", f"{SAMPLE}/safe", READ, "sample"),
    Route("GET", f"{SAMPLE}/submission", READ, "submissions"),
    Route("POST", f"{SAMPLE}/submission", UPLOAD),
    Route("GET", f"{SAMPLE}/submission/{{submission}}", READ, "sample"),
    Route("GET", f"{SAMPLE}/verdict", READ, "sample"),
    Route("POST", f"{SAMPLE}/verdict", ANALYSE, "sample", A_VERDICT),
    Route("GET", "/submission", READ),
    Route("POST", "/submission/search", READ),
    Route("POST", "/submission/statistics", READ),
    Route("GET", "/worker", ADMINISTER),
    Route("POST", "/worker", ADMINISTER),
    Route("GET", "/worker/{worker}", ADMINISTER),
    Route("PUT", "/worker/{worker}", ADMINISTER),
    Route("DELETE", "/worker/{never}", ADMINISTER),
    Route("GET", "/worker/{worker}/schema", ADMINISTER),
    Route("GET", "/policy/default", ADMINISTER),
    Route("PUT", "/policy/default", ADMINISTER),
    Route("GET", "/policy/default/rule", ADMINISTER),
    Route("POST", "/policy/default/rule", ADMINISTER),
    Route("GET", "/policy/default/rule/{rule}", ADMINISTER),
    Route("PUT", "/policy/default/rule/{rule}", ADMINISTER),
    Route("DELETE", "/policy/default/rule/{never}", ADMINISTER),
    # the contract leaves open who else may read service tasks
    Route("GET", "/servicetask", None),
    Route("POST", "/servicetask/search", None),
    Route("GET", "/servicetask/{never}", None),
    Route("POST", "/servicetask/reindex", ADMINISTER),
    Route("DELETE", "/servicetask/{never}", ADMINISTER),
    # beyond the contract
    Route("DELETE", "/job/{never}", CANCEL),
    Route("DELETE", "/job/{never}/task/{never}", CANCEL),
    Route("GET", "/job/{job}/history", READ, "job"),
    Route("GET", "/jobtask/{task}", ANALYSE, "job"),
    Route("GET", f"{SAMPLE}/tree", READ, "sample"),
    Route("POST", "/remote", ANALYSE),
    Route("DELETE", "/remote/{never}", ANALYSE),
    Route("POST", "/remote/{never}/heartbeat", ANALYSE),
    Route("POST", "/remote/{never}/claim", ANALYSE),
    Route("GET", "/remote/{never}/task/{never}/sample", ANALYSE),
    Route("POST", "/remote/{never}/task/{never}/file", ANALYSE),
    Route("POST", "/remote/{never}/task/{never}/release", ANALYSE),
    Route("POST", "/servicetask/reanalyse", ADMINISTER),
    Route("GET", "/setaside", ADMINISTER),
    # refused once the role is known: a stream would have no end
    Route("GET", "/event", READ, query="?after=nowhere"),
    Route("GET", f"{SAMPLE}/export", READ, "sample"),
    Route("GET", "/webhook", TELL),
    Route("POST", "/webhook", TELL),
    Route("GET", "/webhook/{never}", TELL),
    Route("PUT", "/webhook/{never}", TELL),
    Route("DELETE", "/webhook/{never}", TELL),
    Route("POST", "/webhook/{never}/ping", TELL),
    Route("GET", "/webhook/{never}/delivery", TELL),
    Route("POST", "/webhook/{never}/delivery/{never}/again", TELL),
    Route("POST", "/setaside/{never}/replay", ADMINISTER),
    Route("GET", "/audit", ADMINISTER),
]
