-- Part of Lockstep. See LICENSE.
--
-- Fills the ContextNexus schema with about `rows` rows over all tables; the same rows for the same number, always:
--
--     psql -v rows=100000 -f schema.sql -f generate.sql
--
-- Every value derives from the row's number: keys by md5, choices by multiplicative hashing, times from a fixed day.

\if :{?rows}
\else
    \set rows 100000
\endif
SET TIME ZONE 'UTC';

BEGIN;

CREATE FUNCTION pg_temp.key(kind text, number bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE AS $$ SELECT md5(kind || ':' || number)::uuid $$;

-- A number from 1 to `count` for row `number`; another `salt` gives another choice.
CREATE FUNCTION pg_temp.pick(number bigint, salt bigint, count bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS
$$ SELECT 1 + (((number * 2654435761 + salt * 40503 * 65537 + (number / 97) * salt * 7919) & 4294967295) * count >> 32) $$;

CREATE FUNCTION pg_temp.word(number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{context,graph,naïve,résumé,index,vector,passage,source,日本語,claim,evidence,plan,draft,Straße,review,'
        'migration,budget,emoji 🚀,policy,release,audit,ledger,roadmap,metric}'::text[])[1 + number % 24]
$$;

-- Text of `count` pieces that does not compress to nothing.
CREATE FUNCTION pg_temp.prose(number bigint, count bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(pg_temp.word(number + piece * 5) || ' ' || md5(number || '/' || piece), ' ' ORDER BY piece)
    FROM generate_series(1, count) AS piece
$$;

CREATE TEMPORARY TABLE size ON COMMIT DROP AS
SELECT greatest(1, n / 5000) AS tenants, greatest(2, n / 50) AS users, greatest(1, n / 500) AS programs,
    greatest(1, n / 200) AS projects, greatest(2, n * 12 / 100) AS items, greatest(1, n / 20) AS threads,
    greatest(2, n / 5) AS messages, greatest(1, n / 200) AS tags, greatest(1, n * 12 / 100) AS thread_content,
    greatest(1, n / 10) AS context, greatest(1, n * 8 / 100) AS content_tags, greatest(1, n / 100) AS presence
FROM (SELECT :rows::bigint AS n) AS wanted;

INSERT INTO tenants (id, name, slug, plan, settings, created_at)
SELECT pg_temp.key('tenant', i), 'Tenant ' || i || ' ' || pg_temp.word(i), 'tenant-' || i,
    (enum_range(NULL::tenant_plan))[1 + i % 3],
    jsonb_build_object('locale', CASE i % 3 WHEN 0 THEN 'de-DE' WHEN 1 THEN 'en-US' ELSE 'ja-JP' END,
        'limits', jsonb_build_object('seats', i * 10, 'gigabytes', i * 2.5), 'beta', i % 2 = 0),
    timestamptz '2025-01-01 00:00:00+00' + i * interval '1 day 3.000001 seconds'
FROM size, generate_series(1, size.tenants) AS i;

INSERT INTO users (id, tenant_id, email, display_name, role, skills, is_active, last_seen_at, created_at)
SELECT pg_temp.key('user', i), pg_temp.key('tenant', 1 + i % size.tenants), 'user' || i || '@example.org',
    initcap(pg_temp.word(i)) || ' ' || initcap(pg_temp.word(i / 24)) || ' ' || i,
    (enum_range(NULL::user_role))[1 + i % 3],
    CASE i % 4 WHEN 0 THEN '{}'::text[] WHEN 1 THEN ARRAY[pg_temp.word(i)]
        ELSE ARRAY[pg_temp.word(i + 1), 'a "quoted" skill', pg_temp.word(i + 2)] END,
    i % 11 <> 0,
    CASE WHEN i % 7 <> 0 THEN timestamptz '2026-03-01 00:00:00+00' + i * interval '61.000123 seconds' END,
    timestamptz '2025-02-01 00:00:00+00' + i * interval '97 seconds'
FROM size, generate_series(1, size.users) AS i;

INSERT INTO programs (id, tenant_id, owner_id, name, description, starts_on, ends_on, budget)
SELECT pg_temp.key('program', i), pg_temp.key('tenant', 1 + i % size.tenants),
    CASE WHEN i % 9 <> 0 THEN pg_temp.key('user', pg_temp.pick(i, 1, size.users)) END,
    'Program ' || i, CASE WHEN i % 3 <> 0 THEN pg_temp.prose(i, 3) END,
    date '2025-01-01' + (i % 700)::integer, CASE WHEN i % 4 <> 0 THEN date '2026-01-01' + (i % 900)::integer END,
    CASE WHEN i % 5 <> 0 THEN i * 12345.67 END
FROM size, generate_series(1, size.programs) AS i;

INSERT INTO projects (id, program_id, lead_id, reviewer_id, name, status, priority, milestones, created_at)
SELECT pg_temp.key('project', i), pg_temp.key('program', 1 + i % size.programs),
    CASE WHEN i % 6 <> 0 THEN pg_temp.key('user', pg_temp.pick(i, 2, size.users)) END,
    CASE WHEN i % 5 <> 0 THEN pg_temp.key('user', pg_temp.pick(i, 3, size.users)) END,
    'Project ' || i || ': ' || pg_temp.word(i * 5), (enum_range(NULL::project_status))[1 + i % 4], i % 5,
    CASE WHEN i % 3 <> 0 THEN ARRAY[date '2026-01-15' + (i % 60)::integer, date '2026-06-30'] END,
    timestamptz '2025-03-01 00:00:00+00' + i * interval '433 seconds'
FROM size, generate_series(1, size.projects) AS i;

-- One item in fifty has a body that PostgreSQL stores out of line.
INSERT INTO content_items (id, project_id, author_id, derived_from_id, kind, title, body, checksum, byte_count, metadata,
    reading_time, created_at, updated_at)
SELECT pg_temp.key('item', i), pg_temp.key('project', pg_temp.pick(i, 4, size.projects)),
    CASE WHEN i % 13 <> 0 THEN pg_temp.key('user', pg_temp.pick(i, 5, size.users)) END,
    CASE WHEN i % 4 = 0 THEN pg_temp.key('item', i / 2) END,
    (enum_range(NULL::content_kind))[1 + i % 5],
    initcap(pg_temp.word(i)) || ' and ' || pg_temp.word(i * 3 + 1) || ' no. ' || i,
    CASE WHEN i % 17 <> 0 THEN pg_temp.prose(i, CASE WHEN i % 50 = 1 THEN 120 ELSE 2 + i % 5 END) END,
    CASE WHEN i % 10 <> 0 THEN decode(md5(i::text), 'hex') END, i * 1021,
    jsonb_build_object('source', 'import', 'page', i % 40, 'labels', jsonb_build_array(pg_temp.word(i), NULL, i % 2 = 0)),
    CASE WHEN i % 6 <> 0 THEN (i % 90) * interval '1 minute 0.5 seconds' END,
    timestamptz '2025-04-01 00:00:00+00' + i * interval '53.5 seconds',
    timestamptz '2025-06-01 00:00:00+00' + i * interval '59.25 seconds'
FROM size, generate_series(1, size.items) AS i;

-- Two or three passages for each item.
INSERT INTO content_chunks (content_item_id, ordinal, text, token_count, embedding)
SELECT pg_temp.key('item', i), ordinal, pg_temp.prose(i * 3 + ordinal, 2), 20 + (i * ordinal) % 400,
    CASE WHEN i % 8 <> 0 THEN ARRAY[i % 1000 / 1000.0, -(i % 7) / 7.0, ordinal, i % 3, -0.125, 1e-9, i, 0]::real[] END
FROM size, generate_series(1, size.items) AS i, generate_series(1, (2 + i % 2)::integer) AS ordinal;

INSERT INTO threads (id, project_id, created_by, parent_thread_id, title, status, opened_at, closed_at)
SELECT pg_temp.key('thread', i), pg_temp.key('project', pg_temp.pick(i, 6, size.projects)),
    CASE WHEN i % 12 <> 0 THEN pg_temp.key('user', pg_temp.pick(i, 7, size.users)) END,
    CASE WHEN i % 3 = 0 THEN pg_temp.key('thread', i / 3) END,
    'Thread ' || i || ' on ' || pg_temp.word(i * 11), (enum_range(NULL::thread_status))[1 + i % 3],
    timestamptz '2025-05-01 00:00:00+00' + i * interval '301 seconds',
    CASE WHEN i % 3 <> 0 THEN timestamptz '2025-07-01 00:00:00+00' + i * interval '301.000007 seconds' END
FROM size, generate_series(1, size.threads) AS i;

INSERT INTO thread_content (thread_id, content_item_id, relevance, position, added_at)
SELECT pg_temp.key('thread', 1 + i % size.threads), pg_temp.key('item', pg_temp.pick(i, 8, size.items)),
    (i % 1000) / 999.0, i / size.threads, timestamptz '2025-05-02 00:00:00+00' + i * interval '17 seconds'
FROM size, generate_series(1, size.thread_content) AS i
ON CONFLICT DO NOTHING;

-- The messages of a thread answer each other.
INSERT INTO messages (id, thread_id, author_id, reply_to_id, role, body, token_count, latency, sent_at)
SELECT pg_temp.key('message', i), pg_temp.key('thread', 1 + i % size.threads),
    CASE WHEN i % 2 = 0 THEN pg_temp.key('user', pg_temp.pick(i, 9, size.users)) END,
    CASE WHEN i > size.threads AND i % 5 <> 0 THEN pg_temp.key('message', i - size.threads) END,
    CASE WHEN i % 2 = 0 THEN 'user' WHEN i % 31 = 0 THEN 'system' ELSE 'assistant' END::message_role,
    pg_temp.prose(i * 7, 1 + i % 4), 5 + i % 900, CASE WHEN i % 2 = 1 THEN (i % 5000) / 1000.0 END,
    timestamptz '2025-05-03 00:00:00+00' + i * interval '41.000001 seconds'
FROM size, generate_series(1, size.messages) AS i;

INSERT INTO message_context (message_id, content_item_id, chunk_ordinal, score)
SELECT pg_temp.key('message', pg_temp.pick(i, 10, size.messages)), pg_temp.key('item', pg_temp.pick(i, 11, size.items)),
    1 + i % 2, (i % 100) / 100.0
FROM size, generate_series(1, size.context) AS i
ON CONFLICT DO NOTHING;

INSERT INTO tags (id, tenant_id, name, color)
SELECT pg_temp.key('tag', i), pg_temp.key('tenant', 1 + i % size.tenants), pg_temp.word(i) || '-' || i,
    CASE WHEN i % 4 <> 0 THEN '#' || substr(md5(i::text), 1, 6) END
FROM size, generate_series(1, size.tags) AS i;

INSERT INTO content_tags (content_item_id, tag_id)
SELECT pg_temp.key('item', pg_temp.pick(i, 12, size.items)), pg_temp.key('tag', pg_temp.pick(i, 13, size.tags))
FROM size, generate_series(1, size.content_tags) AS i
ON CONFLICT DO NOTHING;

INSERT INTO resource_presence (user_id, resource_kind, resource_id, cursor, since, expires_at)
SELECT pg_temp.key('user', pg_temp.pick(i, 14, size.users)), (enum_range(NULL::resource_kind))[1 + i % 3],
    CASE i % 3 WHEN 0 THEN pg_temp.key('project', pg_temp.pick(i, 15, size.projects))
        WHEN 1 THEN pg_temp.key('thread', pg_temp.pick(i, 15, size.threads))
        ELSE pg_temp.key('item', pg_temp.pick(i, 15, size.items)) END,
    CASE WHEN i % 2 = 0 THEN jsonb_build_object('line', i % 300, 'column', i % 80) END,
    timestamptz '2026-03-01 00:00:00+00' + i * interval '7 seconds',
    timestamptz '2026-03-01 00:05:00+00' + i * interval '7 seconds'
FROM size, generate_series(1, size.presence) AS i
ON CONFLICT DO NOTHING;

COMMIT;
ANALYZE;
