// Part of Lockstep. See LICENSE.

/// The tables of the benchmarks: tenants' projects with content, chunks of it, threads and messages, all kinds of
/// foreign keys between them, two join tables with and without columns of their own, and the usual types.
enum Schema {
    static let sql = """
        CREATE TABLE tenants (id int8 PRIMARY KEY, name text NOT NULL, created_at timestamptz NOT NULL);
        CREATE TABLE users (
            id int8 PRIMARY KEY, tenant_id int8 NOT NULL REFERENCES tenants, email text NOT NULL, is_admin bool NOT NULL);
        CREATE TABLE projects (
            id int8 PRIMARY KEY, tenant_id int8 NOT NULL REFERENCES tenants, owner_id int8 REFERENCES users,
            name text NOT NULL, budget numeric(12, 2));
        CREATE TABLE content_items (
            id int8 PRIMARY KEY, project_id int8 NOT NULL REFERENCES projects, author_id int8 REFERENCES users,
            external_id uuid NOT NULL, title text NOT NULL, score float8, created_at timestamptz NOT NULL,
            attributes jsonb);
        CREATE TABLE content_chunks (
            id int8 PRIMARY KEY, content_item_id int8 NOT NULL REFERENCES content_items ON DELETE CASCADE,
            position int4 NOT NULL, tokens int4 NOT NULL, body text NOT NULL, created_at timestamptz NOT NULL);
        CREATE TABLE threads (
            id int8 PRIMARY KEY, project_id int8 NOT NULL REFERENCES projects, parent_id int8 REFERENCES threads,
            title text NOT NULL, is_open bool NOT NULL);
        CREATE TABLE messages (
            id int8 PRIMARY KEY, thread_id int8 NOT NULL REFERENCES threads, author_id int8 REFERENCES users,
            body text NOT NULL, created_at timestamptz NOT NULL);
        CREATE TABLE thread_content (
            thread_id int8 NOT NULL REFERENCES threads, content_item_id int8 NOT NULL REFERENCES content_items ON DELETE CASCADE,
            relevance float8 NOT NULL, position int4 NOT NULL, PRIMARY KEY (thread_id, content_item_id));
        CREATE TABLE tags (id int8 PRIMARY KEY, name text NOT NULL);
        CREATE TABLE content_tags (
            content_item_id int8 NOT NULL REFERENCES content_items ON DELETE CASCADE,
            tag_id int8 NOT NULL REFERENCES tags, PRIMARY KEY (content_item_id, tag_id));
        """
}
