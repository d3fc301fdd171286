-- Part of Lockstep. See LICENSE.
--
-- A day at ContextNexus, for pgbench: each run is one transaction of one of the kinds below.
--
--     pgbench -n -f workload.sql -c 4 -T 60 --max-tries=10 contextnexus
--
-- Rows are chosen by the next key after a random one. A row that another client deletes meanwhile is locked or missed,
-- never an error: every foreign key that is written comes from a SELECT ... FOR KEY SHARE.

\set kind random(1, 100)
\set a random(1, 1000000000)
\set b random(1, 1000000000)
\set c random(1, 1000000000)
\set amount random(1, 1000)

BEGIN;
\if :kind <= 22
    -- A conversation begins: thread, material, question, answer, and the passages the answer used.
    WITH project AS (
        SELECT id FROM projects WHERE id >= md5(:a::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE
    ), starter AS (
        SELECT id FROM users WHERE id >= md5(:b::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE
    ), parent AS (
        SELECT id FROM threads WHERE :c % 2 = 0 AND id >= md5(:c::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE
    ), thread AS (
        INSERT INTO threads (project_id, created_by, parent_thread_id, title)
        SELECT project.id, starter.id, (SELECT id FROM parent), 'Live thread ' || :amount FROM project, starter
        RETURNING id, created_by
    ), passages AS (
        SELECT chunk.content_item_id, chunk.ordinal, row_number() OVER () AS rank
        FROM (
            SELECT content_item_id, ordinal FROM content_chunks
            WHERE content_item_id >= md5((:a + :b)::text)::uuid ORDER BY content_item_id, ordinal LIMIT 4 FOR KEY SHARE
        ) AS chunk
    ), items AS (
        SELECT item.id FROM content_items AS item
        WHERE item.id IN (SELECT content_item_id FROM passages) ORDER BY item.id FOR KEY SHARE
    ), material AS (
        INSERT INTO thread_content (thread_id, content_item_id, relevance, position)
        SELECT thread.id, items.id, :amount / 1000.0, row_number() OVER () FROM thread, items
    ), question AS (
        INSERT INTO messages (thread_id, author_id, role, body, token_count)
        SELECT id, created_by, 'user', 'What does ' || :amount || ' mean?', 7 FROM thread
        RETURNING id, thread_id
    ), answer AS (
        INSERT INTO messages (thread_id, reply_to_id, role, body, token_count, latency)
        SELECT thread_id, id, 'assistant', 'It means ' || md5(:amount::text), 40, :amount / 250.0 FROM question
        RETURNING id
    )
    INSERT INTO message_context (message_id, content_item_id, chunk_ordinal, score)
    SELECT answer.id, passages.content_item_id, passages.ordinal, 1.0 / passages.rank
    FROM answer, passages WHERE passages.content_item_id IN (SELECT id FROM items);
\elif :kind <= 34
    -- An edit that leaves the body, which may be stored out of line, as it is.
    UPDATE content_items
    SET title = 'Edited ' || :amount, byte_count = byte_count + 1, updated_at = now(),
        metadata = metadata || jsonb_build_object('edits', :amount)
    WHERE id = (SELECT id FROM content_items WHERE id >= md5(:a::text)::uuid ORDER BY id LIMIT 1);
\elif :kind <= 42
    -- A document comes in, with its passages and a tag.
    WITH project AS (
        SELECT id FROM projects WHERE id >= md5(:a::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE
    ), item AS (
        INSERT INTO content_items (project_id, kind, title, body, byte_count, reading_time)
        SELECT id, 'note', 'Live note ' || :amount, repeat(md5(:b::text), 3), :amount, :amount * interval '1 second'
        FROM project RETURNING id
    ), chunks AS (
        INSERT INTO content_chunks (content_item_id, ordinal, text, token_count, embedding)
        SELECT item.id, ordinal, md5(:b || '/' || ordinal), :amount, ARRAY[:amount, ordinal, 0.5]::real[]
        FROM item, generate_series(1, 3) AS ordinal
    ), tag AS (
        SELECT id FROM tags WHERE id >= md5(:c::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE
    )
    INSERT INTO content_tags (content_item_id, tag_id) SELECT item.id, tag.id FROM item, tag;
\elif :kind <= 50
    -- Content moves to another project, and its origin is forgotten or found.
    UPDATE content_items
    SET project_id = coalesce(
            (SELECT id FROM projects WHERE id >= md5(:b::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE), project_id),
        derived_from_id = CASE WHEN :amount % 2 = 0 THEN
            (SELECT id FROM content_items WHERE id >= md5(:c::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE) END
    WHERE id = (SELECT id FROM content_items WHERE id >= md5(:a::text)::uuid ORDER BY id LIMIT 1);
\elif :kind <= 58
    -- A thread is hung under another or made a root, and a message no longer answers.
    UPDATE threads
    SET parent_thread_id = CASE WHEN :amount % 2 = 0 THEN
            (SELECT id FROM threads WHERE id >= md5(:b::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE) END,
        status = 'open', closed_at = NULL
    WHERE id = (SELECT id FROM threads WHERE id >= md5(:a::text)::uuid ORDER BY id LIMIT 1);
    UPDATE messages SET reply_to_id = NULL
    WHERE id = (SELECT id FROM messages WHERE id >= md5(:c::text)::uuid ORDER BY id LIMIT 1);
\elif :kind <= 64
    -- A project changes hands, or nobody leads it.
    UPDATE projects
    SET lead_id = CASE WHEN :amount % 3 <> 0 THEN
            (SELECT id FROM users WHERE id >= md5(:b::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE) END,
        reviewer_id = lead_id, priority = :amount % 6
    WHERE id = (SELECT id FROM projects WHERE id >= md5(:a::text)::uuid ORDER BY id LIMIT 1);
\elif :kind <= 72
    -- Relevance is judged anew, for all material of one thread.
    UPDATE thread_content SET relevance = 1 - relevance, position = position + 1
    WHERE thread_id = (SELECT thread_id FROM thread_content WHERE thread_id >= md5(:a::text)::uuid
        ORDER BY thread_id LIMIT 1);
\elif :kind <= 78
    -- One tag for another.
    DELETE FROM content_tags
    WHERE (content_item_id, tag_id) IN (SELECT content_item_id, tag_id FROM content_tags
        WHERE content_item_id >= md5(:a::text)::uuid ORDER BY content_item_id, tag_id LIMIT 1);
    INSERT INTO content_tags (content_item_id, tag_id)
    SELECT item.id, tag.id
    FROM (SELECT id FROM content_items WHERE id >= md5(:b::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE) AS item,
        (SELECT id FROM tags WHERE id >= md5(:c::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE) AS tag
    ON CONFLICT DO NOTHING;
\elif :kind <= 84
    -- Somebody opens a thread, somebody else has left one.
    INSERT INTO resource_presence (user_id, resource_kind, resource_id, cursor, expires_at)
    SELECT viewer.id, 'thread', thread.id, jsonb_build_object('line', :amount), now() + interval '5 minutes'
    FROM (SELECT id FROM users WHERE id >= md5(:a::text)::uuid ORDER BY id LIMIT 1 FOR KEY SHARE) AS viewer,
        (SELECT id FROM threads WHERE id >= md5(:b::text)::uuid ORDER BY id LIMIT 1) AS thread
    ON CONFLICT (user_id, resource_kind, resource_id) DO UPDATE SET cursor = excluded.cursor, since = now();
    DELETE FROM resource_presence
    WHERE (user_id, resource_kind, resource_id) IN (SELECT user_id, resource_kind, resource_id FROM resource_presence
        WHERE user_id >= md5(:c::text)::uuid ORDER BY user_id, resource_kind, resource_id LIMIT 1);
\elif :kind <= 92
    -- Conversations go, with their messages, material and context; threads under them become roots.
    DELETE FROM threads
    WHERE id IN (SELECT id FROM threads WHERE id >= md5(:a::text)::uuid ORDER BY id LIMIT 3 FOR UPDATE SKIP LOCKED);
\elif :kind <= 97
    -- A document goes, with its passages, tags and places in threads.
    DELETE FROM content_items
    WHERE id IN (SELECT id FROM content_items WHERE id >= md5(:a::text)::uuid ORDER BY id LIMIT 2
        FOR UPDATE SKIP LOCKED);
\else
    -- A key changes: a passage gets another number, and the answers that used it follow by ON UPDATE CASCADE.
    UPDATE content_chunks SET ordinal = ordinal + 1000
    WHERE (content_item_id, ordinal) = (SELECT content_item_id, ordinal FROM content_chunks
        WHERE content_item_id >= md5(:a::text)::uuid ORDER BY content_item_id, ordinal LIMIT 1);
\endif
\if :amount <= 20
    ROLLBACK;
\else
    COMMIT;
\endif
