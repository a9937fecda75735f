-- Finished work, by number of job; see filling.py. Ids sort by time, as UUIDs of version 7 do.

CREATE FUNCTION pg_temp.moment(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
  $$ SELECT %(start)s::bigint + n * %(step)s::bigint $$;
CREATE FUNCTION pg_temp.key(kind text, at bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
  $$ SELECT (lpad(to_hex(at), 12, '0') || '7' || substr(md5(kind || n), 1, 3) || '8' || substr(md5(kind || n), 4, 15))::uuid $$;
CREATE FUNCTION pg_temp.content(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT md5('a' || n) || md5('b' || n) $$;

-- each of what follows is run for ranges of jobs

INSERT INTO sample (sha256, sha512, sha1, md5, size, created_at, first_submitted_at, last_submitted_at)
SELECT pg_temp.content(n), pg_temp.content(n) || pg_temp.content(n), substr(pg_temp.content(n), 1, 40),
       md5('a' || n), 1000 + n, pg_temp.moment(n), pg_temp.moment(n), pg_temp.moment(n)
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n;

INSERT INTO submission (id, sample_sha256, customer_id, user_id, file_name, mime_type, meta_data, tlp,
                        user_agent_name, user_agent_version, observed_at, submitted_at, flags)
SELECT pg_temp.key('s', pg_temp.moment(n), n), pg_temp.content(n), %(customer)s, %(user)s, 'sample-' || n || '.bin',
       'application/octet-stream', '{}', 'amber', 'bench', '1.0', pg_temp.moment(n), pg_temp.moment(n), '[]'
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n;

INSERT INTO job (id, customer_id, sample_sha256, submission_id, state, priority, options, depth, pending_workers,
                 judged, enqueued_at, start_at, end_at, deadline_at)
SELECT pg_temp.key('j', pg_temp.moment(n), n), %(customer)s, pg_temp.content(n),
       pg_temp.key('s', pg_temp.moment(n), n), 'done', 5, '{}', 0, '[]', true, pg_temp.moment(n),
       pg_temp.moment(n) + 5, pg_temp.moment(n) + 900, pg_temp.moment(n) + 3600000
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n;

INSERT INTO job_task (id, job_id, worker, state, attempt, priority, celery, enqueued_at, due_at, published_at,
                      start_at, end_at, deadline_at)
SELECT pg_temp.key('t' || w, pg_temp.moment(n), n), pg_temp.key('j', pg_temp.moment(n), n), 'noop-' || w, 'success',
       1, 5, true, pg_temp.moment(n), pg_temp.moment(n), pg_temp.moment(n) + 2, pg_temp.moment(n) + 5 * w,
       pg_temp.moment(n) + 100 * w, pg_temp.moment(n) + 3600000
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n, generate_series(1, %(size)s) w;

INSERT INTO job_task_event (job_task_id, attempt, source, target, at, actor, "by", host, worker_version, waited_ms,
                            ran_ms)
SELECT pg_temp.key('t' || w, pg_temp.moment(n), n), 1, e.source, e.target, pg_temp.moment(n) + e.later, e.actor,
       e.who, e.host, e.version, e.waited, e.ran
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n, generate_series(1, %(size)s) w,
     (VALUES (NULL, 'enqueued', 0, 'planner', 'bench', NULL, NULL, NULL::int, NULL::int),
             ('enqueued', 'executing', 5, 'recorder', 'host:1234', 'host', NULL, 5, NULL),
             ('executing', 'success', 90, 'recorder', 'host:1234', 'host', '1.0', NULL, 85))
     AS e (source, target, later, actor, who, host, version, waited, ran);

INSERT INTO analysis (id, sample_sha256, job_id, recorded_for, customer_id, user_id, user_agent_name,
                      user_agent_version, score, result, tlp, detections, tags, with_internet, has_evidence, created_at)
SELECT pg_temp.key('a' || w, pg_temp.moment(n), n), pg_temp.content(n), pg_temp.key('j', pg_temp.moment(n), n),
       pg_temp.key('t' || w, pg_temp.moment(n), n), %(customer)s, %(user)s, 'noop-' || w, '1.0', n %% 100,
       jsonb_build_object('size', 1000 + n, 'type', 'kind-' || n %% 50), 'amber', '[]', '[]', false, false,
       pg_temp.moment(n) + 100 * w
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n, generate_series(1, %(size)s) w;

INSERT INTO job_task_analysis (job_task_id, analysis_id, position)
SELECT pg_temp.key('t' || w, pg_temp.moment(n), n), pg_temp.key('a' || w, pg_temp.moment(n), n), 0
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n, generate_series(1, %(size)s) w;
