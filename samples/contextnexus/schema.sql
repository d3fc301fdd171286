-- Part of Lockstep. See LICENSE.
--
-- ContextNexus: teams hold conversations over their documents, and each answer remembers which passages it used.
-- An ordinary application schema, with what mappings have to cope with: uuid and composite keys, enums, arrays, jsonb,
-- self references, several foreign keys to one table, a foreign key of two columns, join tables with and without
-- properties, nullable foreign keys with every ON DELETE action, and a reference that no constraint guards.

CREATE TYPE tenant_plan AS ENUM ('free', 'team', 'enterprise');
CREATE TYPE user_role AS ENUM ('reader', 'editor', 'admin');
CREATE TYPE project_status AS ENUM ('planned', 'active', 'paused', 'done');
CREATE TYPE content_kind AS ENUM ('document', 'note', 'web page', 'code', 'transcript');
CREATE TYPE thread_status AS ENUM ('open', 'resolved', 'archived');
CREATE TYPE message_role AS ENUM ('user', 'assistant', 'system');
CREATE TYPE resource_kind AS ENUM ('project', 'thread', 'content_item');

CREATE TABLE tenants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    slug text NOT NULL UNIQUE,
    plan tenant_plan NOT NULL DEFAULT 'free',
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    email text NOT NULL,
    display_name text NOT NULL,
    role user_role NOT NULL DEFAULT 'reader',
    skills text[] NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,
    last_seen_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, email)
);

CREATE TABLE programs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    owner_id uuid REFERENCES users ON DELETE SET NULL,
    name text NOT NULL,
    description text,
    starts_on date NOT NULL,
    ends_on date,
    budget numeric(14, 2)
);
CREATE INDEX ON programs (tenant_id);

CREATE TABLE projects (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    program_id uuid NOT NULL REFERENCES programs ON DELETE CASCADE,
    lead_id uuid REFERENCES users ON DELETE SET NULL,
    reviewer_id uuid REFERENCES users ON DELETE SET NULL,
    name text NOT NULL,
    status project_status NOT NULL DEFAULT 'planned',
    priority smallint NOT NULL DEFAULT 3,
    milestones date[],
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON projects (program_id);

CREATE TABLE content_items (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
    author_id uuid REFERENCES users ON DELETE SET NULL,
    derived_from_id uuid REFERENCES content_items ON DELETE SET NULL,
    kind content_kind NOT NULL,
    title text NOT NULL,
    body text,
    checksum bytea,
    byte_count bigint NOT NULL DEFAULT 0,
    metadata jsonb NOT NULL DEFAULT '{}',
    reading_time interval,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON content_items (project_id);
CREATE INDEX ON content_items (derived_from_id) WHERE derived_from_id IS NOT NULL;

CREATE TABLE content_chunks (
    content_item_id uuid NOT NULL REFERENCES content_items ON DELETE CASCADE,
    ordinal integer NOT NULL,
    text text NOT NULL,
    token_count integer NOT NULL,
    embedding real[],
    PRIMARY KEY (content_item_id, ordinal)
);

CREATE TABLE threads (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
    created_by uuid REFERENCES users ON DELETE SET NULL,
    parent_thread_id uuid REFERENCES threads ON DELETE SET NULL,
    title text NOT NULL,
    status thread_status NOT NULL DEFAULT 'open',
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
CREATE INDEX ON threads (project_id);
CREATE INDEX ON threads (parent_thread_id) WHERE parent_thread_id IS NOT NULL;

-- What a conversation is about, the most relevant first.
CREATE TABLE thread_content (
    thread_id uuid NOT NULL REFERENCES threads ON DELETE CASCADE,
    content_item_id uuid NOT NULL REFERENCES content_items ON DELETE CASCADE,
    relevance double precision NOT NULL CHECK (relevance BETWEEN 0 AND 1),
    position integer NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (thread_id, content_item_id)
);
CREATE INDEX ON thread_content (content_item_id);

CREATE TABLE messages (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    thread_id uuid NOT NULL REFERENCES threads ON DELETE CASCADE,
    author_id uuid REFERENCES users ON DELETE SET NULL,
    reply_to_id uuid REFERENCES messages ON DELETE SET NULL,
    role message_role NOT NULL,
    body text NOT NULL,
    token_count integer NOT NULL DEFAULT 0,
    latency double precision,
    sent_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON messages (thread_id);
CREATE INDEX ON messages (reply_to_id) WHERE reply_to_id IS NOT NULL;

-- The passages that an answer was made from.
CREATE TABLE message_context (
    message_id uuid NOT NULL REFERENCES messages ON DELETE CASCADE,
    content_item_id uuid NOT NULL,
    chunk_ordinal integer NOT NULL,
    score real NOT NULL,
    PRIMARY KEY (message_id, content_item_id, chunk_ordinal),
    FOREIGN KEY (content_item_id, chunk_ordinal) REFERENCES content_chunks ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX ON message_context (content_item_id, chunk_ordinal);

CREATE TABLE tags (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name text NOT NULL,
    color char(7),
    UNIQUE (tenant_id, name)
);

CREATE TABLE content_tags (
    content_item_id uuid NOT NULL REFERENCES content_items ON DELETE CASCADE,
    tag_id uuid NOT NULL REFERENCES tags ON DELETE CASCADE,
    PRIMARY KEY (content_item_id, tag_id)
);
CREATE INDEX ON content_tags (tag_id);

-- Who looks at what right now. `resource_id` points into three tables, so no constraint guards it.
CREATE TABLE resource_presence (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    resource_kind resource_kind NOT NULL,
    resource_id uuid NOT NULL,
    cursor jsonb,
    since timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, resource_kind, resource_id)
);
