// Part of Lockstep. See LICENSE.

/// Many rows fast, made inside PostgreSQL: what the capture benchmark streams.
///
/// Transactions of 10 to 1000 changes: inserts of chunks and messages, updates that move a foreign key or change a value,
/// and deletes. The same numbers for the same size.
enum StreamLoad {
    /// Rows that the changes refer to.
    static let base = """
        INSERT INTO tenants SELECT i, 'Tenant ' || i, '2026-01-01Z'::timestamptz + i * interval '1 s' FROM generate_series(1, 10) i;
        INSERT INTO users SELECT i, 1 + i % 10, 'user' || i || '@example.org', i % 7 = 0 FROM generate_series(1, 1000) i;
        INSERT INTO projects SELECT i, 1 + i % 10, 1 + i % 1000, 'Project ' || i, i * 1.25 FROM generate_series(1, 100) i;
        INSERT INTO content_items SELECT i, 1 + i % 100, 1 + i % 1000, md5(i::text)::uuid, 'Item ' || i, i / 7.0,
            '2026-01-01Z'::timestamptz + i * interval '1.5 s', jsonb_build_object('n', i) FROM generate_series(1, 5000) i;
        INSERT INTO threads SELECT i, 1 + i % 100, NULL, 'Thread ' || i, true FROM generate_series(1, 1000) i;
        """

    /// One transaction that inserts so many rows, each with a foreign key, with ids behind `first`.
    static func transaction(rows: Int, from first: Int = 10_000_000) -> String {
        """
        INSERT INTO content_chunks SELECT \(first) + i, 1 + i % 5000, i, i % 700, repeat('chunk ' || i || ' ', 6),
            '2026-02-01Z'::timestamptz + i * interval '1 s' FROM generate_series(1, \(rows)) i
        """
    }

    /// Appends `changes` changes, in the database's own loop.
    ///
    /// - Parameter seed: Rows of an earlier call stay as they are: ids begin at `seed` times ten million.
    static func sql(changes: Int, seed: Int) -> String {
        """
        DO $$
        DECLARE
            sizes int[] := ARRAY[10, 50, 200, 1000, 20, 100];
            made int := 0; round int := 0; size int; first int8 := \(seed)::int8 * 10000000;
        BEGIN
            WHILE made < \(changes) LOOP
                size := least(sizes[1 + round % 6], \(changes) - made);
                -- Of ten changes: four chunks and three messages are inserted, two chunks moved, one message deleted.
                INSERT INTO content_chunks SELECT first + made + i, 1 + (made + i) % 5000, i, (made + i) % 700,
                    repeat('chunk ' || (made + i) || ' ', 6), '2026-02-01Z'::timestamptz + (made + i) * interval '1 s'
                    FROM generate_series(0, size - 1) i WHERE i % 10 < 4;
                INSERT INTO messages SELECT first + made + i, 1 + (made + i) % 1000, 1 + (made + i) % 1000,
                    'message ' || (made + i) || ' with a few words more', '2026-03-01Z'::timestamptz + (made + i) * interval '1 s'
                    FROM generate_series(0, size - 1) i WHERE i % 10 BETWEEN 4 AND 6;
                UPDATE content_chunks SET content_item_id = 1 + (content_item_id + 17) % 5000, tokens = tokens + 1
                    WHERE id IN (SELECT first + made + i - 7 FROM generate_series(0, size - 1) i WHERE i % 10 BETWEEN 7 AND 8);
                DELETE FROM messages WHERE id IN (
                    SELECT first + made + i - 5 FROM generate_series(0, size - 1) i WHERE i % 10 = 9);
                made := made + size; round := round + 1;
                COMMIT;
            END LOOP;
        END $$
        """
    }
}
