"""A bare ASGI application: the same answers as Assay's, each from one query written by hand, and no more.

It checks no key, counts nothing, and knows three paths. Run as a script, it serves as ``assay api`` does.
"""

import os
import re
from uuid import UUID

import asyncpg
import orjson
import uvicorn

DATABASE = os.environ["BENCH_DATABASE"]
CUSTOMER = int(os.environ["BENCH_CUSTOMER"])
LIMIT, CEILING = int(os.environ["BENCH_LIMIT"]), int(os.environ["BENCH_CEILING"])

_JOB_TASK = re.compile("/sampledb/v2/job/([^/]+)/task/([^/]+)")
_JOB_TASKS = re.compile("/sampledb/v2/job/([^/]+)/tasks")

_COLUMNS = """
SELECT t.id, t.worker, t.state, t.message, t.enqueued_at, t.start_at, t.end_at,
       (SELECT json_agg(json_build_array(a.id, a.score, a.user_agent_name, a.user_agent_version)
                        ORDER BY x.position, a.id)
        FROM job_task_analysis x JOIN analysis a ON a.id = x.analysis_id WHERE x.job_task_id = t.id)
FROM job_task t """
_ONE = _COLUMNS + "WHERE t.job_id = $1 AND t.id = $2"
_MANY = _COLUMNS + "WHERE t.job_id = $1 ORDER BY t.worker, t.id LIMIT $2"
_JOBS = """
SELECT j.id, j.state, j.sample_sha256, s.size, j.enqueued_at, j.start_at, j.end_at,
       c.id, c.name, c.short_name,
       (SELECT count(*) FROM (SELECT 1 FROM job WHERE customer_id = $1 LIMIT $3) AS counted)
FROM (SELECT * FROM job WHERE customer_id = $1 ORDER BY enqueued_at DESC, id DESC LIMIT $2) AS j
JOIN customer c ON c.id = j.customer_id JOIN sample s ON s.sha256 = j.sample_sha256
ORDER BY j.enqueued_at DESC, j.id DESC"""

_pool: asyncpg.Pool


async def app(scope: dict, receive: object, send: object) -> None:
    """Three paths, nothing else."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    body = orjson.dumps(await _answer(scope["path"]))
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: object, send: object) -> None:
    global _pool  # noqa: PLW0603 - it belongs to the event loop, which is made later than this module
    await receive()
    _pool = await asyncpg.create_pool(DATABASE, min_size=1, max_size=8)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await _pool.close()
    await send({"type": "lifespan.shutdown.complete"})


async def _answer(path: str) -> dict:
    if found := _JOB_TASK.fullmatch(path):
        row = await _pool.fetchrow(_ONE, UUID(found[1]), UUID(found[2]))
        return _enveloped(_job_task(row))
    if found := _JOB_TASKS.fullmatch(path):
        rows = await _pool.fetch(_MANY, UUID(found[1]), LIMIT + 1)
        return _enveloped([_job_task(row) for row in rows], LIMIT, len(rows), len(rows))
    rows = await _pool.fetch(_JOBS, CUSTOMER, LIMIT, CEILING + 1)
    count = rows[0][10] if rows[0][10] <= CEILING else -1
    return _enveloped([_job(row) for row in rows], LIMIT, count, len(rows))


def _enveloped(data: object, limit: int = 0, count: int = 0, size: int = 0) -> dict:
    return {
        "responseCode": 200,
        "limit": limit,
        "offset": 0,
        "count": count,
        "size": size,
        "metaData": {},
        "messages": [],
        "data": data,
    }


def _job_task(row: asyncpg.Record) -> dict:
    analyses = [
        {"id": each[0], "analysisScore": each[1], "userAgent": {"name": each[2], "version": each[3]}}
        for each in orjson.loads(row[7] or "[]")
    ]
    shown = {
        "id": str(row[0]),
        "worker": row[1],
        "state": row[2],
        "message": row[3],
        "enqueuedTimestamp": row[4],
        "startTimestamp": row[5],
        "endTimestamp": row[6],
        "analyses": analyses,
        "analysis": analyses[0] if analyses else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _job(row: asyncpg.Record) -> dict:
    domain = {"id": 1, "name": "assay"}
    return {
        "id": str(row[0]),
        "customer": {"id": row[7], "name": row[8], "shortName": row[9], "domain": domain},
        "analysedSample": {"id": row[2], "size": row[3]},
        "state": row[1],
        "enqueuedTimestamp": row[4],
        "startTimestamp": row[5],
        "endTimestamp": row[6],
    }


if __name__ == "__main__":
    port = int(os.environ["BENCH_PORT"])
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
    )
