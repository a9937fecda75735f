"""A PostgreSQL store full of rows that the database made up itself, as a year of use would leave them."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

#: Over how long the rows are spread, in days; the default index period is a twelfth of it.
DAYS = 365
_YEAR = DAYS * 86_400_000

#: ``:now`` is the present in epoch milliseconds, ``n`` counts the rows.
_AT = f":now - {_YEAR} + (n::bigint * {_YEAR} / :count)"
_HASH = "md5(n::text) || md5('b' || n)"

_STATEMENTS = (
    """INSERT INTO customer (id, short_name, name, created_at)
       VALUES (101, 'large', 'Large', 0), (102, 'small', 'Small', 0), (103, 'guest', 'Guest', 0)""",
    """INSERT INTO subject (id, kind, short_name, name, customer_id, created_at)
       VALUES (101, 'user', 'large-user', 'L', 101, 0), (102, 'user', 'small-user', 'S', 102, 0),
              (103, 'user', 'guest-user', 'G', 103, 0)""",
    f"""INSERT INTO sample (sha256, sha512, sha1, md5, size, created_at, first_submitted_at,
                            last_submitted_at, last_analysis_at, search, latest_classification_id,
                            latest_verdict_id)
        SELECT sha256, sha512, sha1, md5, n % 1000003, at, at, at, at + 60000,
               concat_ws(E'\\x1f', sha256, sha512, sha1, md5),
               ('00000000-0000-4000-8001-' || lpad(to_hex(n), 12, '0'))::uuid,
               ('00000000-0000-4000-8002-' || lpad(to_hex(n), 12, '0'))::uuid
        FROM (SELECT n, {_HASH} AS sha256, {_HASH} || md5('c' || n) || md5('d' || n) AS sha512,
                     md5('e' || n) || left(md5('f' || n), 8) AS sha1, md5('g' || n) AS md5, {_AT} AS at
              FROM generate_series(1, :count) AS n) AS made""",
    f"""INSERT INTO classification (id, sample_sha256, type, super_type, arch, platform, version, meta_data,
                                    created_at, search)
        SELECT ('00000000-0000-4000-8001-' || lpad(to_hex(n), 12, '0'))::uuid, {_HASH}, type, 'executable',
               'amd64', 'windows', '1', jsonb_build_object('compiler', 'c' || n % 5000), {_AT},
               concat_ws(E'\\x1f', type, 'executable', 'amd64', 'windows', '1', 'c' || n % 5000)
        FROM (SELECT n, CASE n % 200 WHEN 0 THEN 'rare' ELSE 'type' || n % 20 END AS type
              FROM generate_series(1, :count) AS n) AS made""",
    f"""INSERT INTO verdict (id, sample_sha256, score, manual, contradicting, triggered_detections, tags,
                             analyses, created_at, search)
        SELECT ('00000000-0000-4000-8002-' || lpad(to_hex(n), 12, '0'))::uuid, {_HASH}, score,
               n % 1000 = 0, false, 0,
               jsonb_build_array(jsonb_build_object('type', 'family', 'value', family)), '[]', {_AT},
               concat_ws(E'\\x1f', '', '', family)
        FROM (SELECT n, CASE n % 50 WHEN 0 THEN 95 ELSE n % 40 END AS score, 'family' || n % 3000 AS family
              FROM generate_series(1, :count) AS n) AS made""",
    f"""INSERT INTO submission (id, sample_sha256, customer_id, user_id, file_name, mime_type, meta_data, tlp,
                                user_agent_name, user_agent_version, observed_at, submitted_at, expiry_at,
                                flags, search)
        SELECT id, sha256, customer, customer, name, mime, jsonb_build_object('case', case_id), tlp,
               'gateway', '1', at - 5000, at, CASE WHEN n % 100 = 0 THEN at + 864000000 END, '[]',
               concat_ws(E'\\x1f', id, sha256, tlp, E'gateway\\n1', mime, name, case_id)
        FROM (SELECT n, ('00000000-0000-4000-8003-' || lpad(to_hex(n), 12, '0'))::uuid AS id,
                     {_HASH} AS sha256, CASE n % 1000 WHEN 0 THEN 102 ELSE 101 END AS customer,
                     'invoice-' || n || '.exe' AS name, 'application/x-' || n % 30 AS mime,
                     'case-' || n % 20000 AS case_id,
                     CASE n % 300 WHEN 0 THEN 'green' ELSE 'amber' END AS tlp, {_AT} AS at
              FROM generate_series(1, :count) AS n) AS made""",
    f"""INSERT INTO analysis (id, sample_sha256, customer_id, user_id, user_agent_name, user_agent_version,
                              score, result, tlp, detections, tags, with_internet, has_evidence, created_at,
                              search)
        SELECT ('00000000-0000-4000-8004-' || lpad(to_hex(n * 2 + w), 12, '0'))::uuid, {_HASH}, 101,
               CASE n % 2000 WHEN 0 THEN 102 ELSE 101 END, agent, '1.' || n % 50, 0,
               jsonb_build_object('imphash', imphash, 'names', jsonb_build_array('n' || n % 7000, 'x')),
               'amber', '[]', '[]', false, false, {_AT} + 60000,
               concat_ws(E'\\x1f', agent || E'\\n1.' || n % 50, '', '', '', '',
                         concat_ws(E'\\n', imphash, 'n' || n % 7000, 'x'))
        FROM (SELECT n, w, CASE WHEN n % 500 = 0 AND w = 1 THEN 'seldom' ELSE 'worker' || w END AS agent,
                     md5('imp' || n % 50000) AS imphash
              FROM generate_series(1, :count) AS n, generate_series(0, 1) AS w) AS made""",
    f"""INSERT INTO link (id, sample_sha256, reference, type, tlp, customer_id, user_id, user_agent_name,
                          user_agent_version, created_at, search)
        SELECT id, {_HASH}, reference, type, 'amber', 101, CASE n % 900 WHEN 0 THEN 102 ELSE 101 END, agent,
               '1', {_AT}, concat_ws(E'\\x1f', type, reference, 'amber', agent || E'\\n1')
        FROM (SELECT n, ('00000000-0000-4000-8005-' || lpad(to_hex(n), 12, '0'))::uuid AS id,
                     md5((n + 1)::text) || md5('b' || (n + 1)) AS reference,
                     CASE n % 400 WHEN 0 THEN 'loads' ELSE 'child' END AS type,
                     CASE n % 300 WHEN 0 THEN 'seldom' ELSE 'extractor' END AS agent
              FROM generate_series(1, :count) AS n) AS made""",
    f"""INSERT INTO static_fact (id, sample_sha256, key, value, user_id, user_agent_name, user_agent_version,
                                 created_at, search)
        SELECT ('00000000-0000-4000-8006-' || lpad(to_hex(n), 12, '0'))::uuid, {_HASH}, key, value, 101,
               agent, '1', {_AT}, concat_ws(E'\\x1f', key, agent || E'\\n1', value)
        FROM (SELECT n, CASE n % 800 WHEN 0 THEN 'seldom' ELSE 'packer' END AS key,
                     md5('fact' || n % 100000) AS value,
                     CASE n % 700 WHEN 0 THEN 'hand' ELSE 'yara' END AS agent
              FROM generate_series(1, :count) AS n) AS made""",
    """INSERT INTO access_grant (id, object_id, subject_id, granted_by_id, granted_at)
       SELECT ('00000000-0000-4000-8007-' || lpad(to_hex(n), 12, '0'))::uuid,
              ('00000000-0000-4000-8003-' || lpad(to_hex(n * 7), 12, '0'))::uuid, 103, 101, 0
       FROM generate_series(1, 50) AS n""",
)


_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND indexdef NOT LIKE 'CREATE UNIQUE%'
"""


def fill(engine: Engine, count: int, now: int) -> None:
    """Make ``count`` samples, each submitted, classified, judged, linked and twice analysed."""
    with engine.begin() as connection:
        # row by row, the indexes and foreign keys would take most of the time
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        indexes = connection.execute(text(_INDEXES)).all()
        for name, _ in indexes:
            connection.execute(text(f"DROP INDEX {name}"))
        for statement in _STATEMENTS:
            connection.execute(text(statement), {"count": count, "now": now})
        connection.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
        for _, definition in indexes:
            connection.execute(text(definition))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def plan(connection: Connection, statement: str, parameters: object) -> str:
    """How PostgreSQL would run the statement."""
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    return "\n".join(row[0] for row in rows)
