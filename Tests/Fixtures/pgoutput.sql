-- Part of Lockstep. See LICENSE.
-- What scripts/record-fixtures has PostgreSQL decode. PgOutputDecoderTests says what each statement must give.
CREATE SCHEMA "Odd Schema";
CREATE TYPE mood AS ENUM ('sad', 'very happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE plain (
    id integer PRIMARY KEY, name text, long text, feeling mood, size positive, at timestamptz, twice integer[]);
ALTER TABLE plain ALTER COLUMN long SET STORAGE EXTERNAL;
CREATE TABLE "Odd Schema"."Tüte ""7""" ("Ä b" bigint NOT NULL, code varchar(9) NOT NULL, rest numeric(9, 2));
CREATE UNIQUE INDEX odd ON "Odd Schema"."Tüte ""7""" (code, "Ä b");
ALTER TABLE "Odd Schema"."Tüte ""7""" REPLICA IDENTITY USING INDEX odd;
CREATE TABLE whole (id integer, long text, flag boolean);
ALTER TABLE whole ALTER COLUMN long SET STORAGE EXTERNAL;
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE blind (v double precision);
ALTER TABLE blind REPLICA IDENTITY NOTHING;
CREATE TABLE parted (id integer PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (100) TO (200);
CREATE PUBLICATION "Recorded, all" FOR ALL TABLES WITH (publish_via_partition_root = true);
SELECT pg_create_logical_replication_slot('recorded', 'pgoutput');

-- Default identity: the primary key.
INSERT INTO plain VALUES
    (1, 'first', repeat('long ', 500), 'very happy', 7, '2024-02-29 12:34:56.789+00', '{1,2}'),
    (2, NULL, '', NULL, NULL, NULL, NULL);
UPDATE plain SET name = 'renamed' WHERE id = 1;
UPDATE plain SET id = 3 WHERE id = 1;
DELETE FROM plain WHERE id = 3;
-- Identity by an index whose columns are in another order.
BEGIN;
INSERT INTO "Odd Schema"."Tüte ""7""" VALUES (5, 'five', 5.50);
UPDATE "Odd Schema"."Tüte ""7""" SET rest = NULL;
UPDATE "Odd Schema"."Tüte ""7""" SET code = 'fünf';
DELETE FROM "Odd Schema"."Tüte ""7""";
COMMIT;
-- Full identity: every old column, the long one from where it is stored.
BEGIN;
INSERT INTO whole VALUES (1, repeat('whole ', 500), true);
UPDATE whole SET flag = false;
DELETE FROM whole;
COMMIT;
-- No identity: inserts only.
INSERT INTO blind VALUES (0.1);
-- A partition's row under the name of its root, and one that moves.
INSERT INTO parted VALUES (1, 'low');
UPDATE parted SET id = 101;
-- Truncations: one table, several with both options.
TRUNCATE plain;
TRUNCATE whole, "Odd Schema"."Tüte ""7""", parted RESTART IDENTITY CASCADE;
-- Logical messages, in a transaction and outside, with a zero byte.
BEGIN;
SELECT pg_logical_emit_message(true, 'inside', 'with the transaction');
COMMIT;
SELECT pg_logical_emit_message(false, 'outside', '\x0001ff'::bytea);
-- A change that was replicated from elsewhere.
SELECT pg_replication_origin_create('elsewhere');
SELECT pg_replication_origin_session_setup('elsewhere');
BEGIN;
SELECT pg_replication_origin_xact_setup('0/ABCDEF', '2024-01-01 00:00:00+00');
INSERT INTO blind VALUES (2);
COMMIT;
SELECT pg_replication_origin_session_reset();
-- Announced again as it was, then with another content.
ALTER TABLE blind SET (fillfactor = 90);
INSERT INTO blind VALUES (3);
ALTER TABLE blind ADD COLUMN w integer DEFAULT 4;
INSERT INTO blind VALUES (5);
-- Rolled back in part.
BEGIN;
INSERT INTO blind VALUES (6, 6);
SAVEPOINT s;
INSERT INTO blind VALUES (7, 7);
ROLLBACK TO s;
INSERT INTO blind VALUES (8, 8);
COMMIT;
