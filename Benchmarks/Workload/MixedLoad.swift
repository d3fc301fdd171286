// Part of Lockstep. See LICENSE.

/// A deterministic stream of mixed transactions on ``Schema``, as SQL: inserts, updates that move, null and keep foreign
/// keys, deletes, join rows; most transactions small, a few of hundreds of changes.
struct MixedLoad {
    private var random: SeededGenerator
    private var nextID: Int64 = 1
    private var items: [Int64] = []
    private var chunks: [Int64] = []
    private var threads: [Int64] = []
    private var messages: [Int64] = []
    private var threadContent: [(Int64, Int64)] = []
    private var contentTags: [(Int64, Int64)] = []
    /// Pairs that are or were there: none comes twice.
    private var pairs: Set<[Int64]> = []

    static let tenants: Int64 = 10
    static let users: Int64 = 500
    static let projects: Int64 = 100
    static let tags: Int64 = 50

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    /// The rows that everything refers to, in one transaction.
    static let base = """
        BEGIN;
        INSERT INTO tenants SELECT i, 'Tenant ' || i, '2026-01-01Z' FROM generate_series(1, \(tenants)) i;
        INSERT INTO users SELECT i, 1 + i % \(tenants), 'user' || i || '@example.org', i % 7 = 0
            FROM generate_series(1, \(users)) i;
        INSERT INTO projects SELECT i, 1 + i % \(tenants), 1 + i % \(users), 'Project ' || i, i * 1.25
            FROM generate_series(1, \(projects)) i;
        INSERT INTO tags SELECT i, 'tag ' || i FROM generate_series(1, \(tags)) i;
        COMMIT;
        """
    static let baseChanges = Int(tenants + users + projects + tags)

    /// One transaction of at most `limit` changes.
    mutating func transaction(limit: Int) -> (sql: String, changes: Int) {
        let size = min(size(), limit)
        let statements = (0..<size).map { _ in change() }
        return ("BEGIN;\n" + statements.joined(separator: "\n") + "\nCOMMIT;", size)
    }

    private mutating func size() -> Int {
        switch number(100) {
        case 0..<60: 1
        case 60..<85: 2 + number(4)
        case 85..<96: 6 + number(45)
        default: 51 + number(450)
        }
    }

    private mutating func number(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    private mutating func id(upTo bound: Int64) -> Int64 { 1 + Int64(random.next() % UInt64(bound)) }

    private mutating func any(_ ids: [Int64]) -> Int64 { ids[number(ids.count)] }

    private static func take<Row>(_ index: Int, _ rows: inout [Row]) -> Row {
        rows.swapAt(index, rows.count - 1)
        return rows.removeLast()
    }

    private mutating func newID() -> Int64 {
        defer { nextID += 1 }
        return nextID
    }

    private mutating func change() -> String {
        if items.count < 20 { return insertItem() }
        if threads.count < 20 { return insertThread() }
        return switch number(100) {
        case 0..<50: insert()
        case 50..<85: update()
        default: delete()
        }
    }

    // MARK: Inserts

    private mutating func insert() -> String {
        switch number(50) {
        case 0..<16: return insertMessage()
        case 16..<29: return insertChunk()
        case 29..<36: return insertItem()
        case 36..<40: return insertThread()
        case 40..<46:
            let pair = (any(threads), any(items))
            guard pairs.insert([0, pair.0, pair.1]).inserted else { return insertMessage() }
            threadContent.append(pair)
            return
                "INSERT INTO thread_content VALUES (\(pair.0), \(pair.1), \(Double(number(1000)) / 8), \(number(100)));"
        default:
            let pair = (any(items), id(upTo: Self.tags))
            guard pairs.insert([1, pair.0, pair.1]).inserted else { return insertMessage() }
            contentTags.append(pair)
            return "INSERT INTO content_tags VALUES (\(pair.0), \(pair.1));"
        }
    }

    private mutating func insertItem() -> String {
        let id = newID()
        items.append(id)
        return """
            INSERT INTO content_items VALUES (\(id), \(self.id(upTo: Self.projects)), \(self.id(upTo: Self.users)), \
            '00000000-0000-4000-8000-\(Self.padded(id))', 'Item \(id)', \(Double(number(1000)) / 4), \(time()), \
            '{"n": \(id)}');
            """
    }

    private mutating func insertChunk() -> String {
        let id = newID()
        chunks.append(id)
        return """
            INSERT INTO content_chunks VALUES (\(id), \(any(items)), \(number(50)), \(number(800)), \
            'A chunk of text, number \(id), as long as a sentence or two usually are.', \(time()));
            """
    }

    private mutating func insertThread() -> String {
        let id = newID()
        let parent = threads.isEmpty || number(2) == 0 ? "NULL" : "\(any(threads))"
        threads.append(id)
        return "INSERT INTO threads VALUES (\(id), \(self.id(upTo: Self.projects)), \(parent), 'Thread \(id)', true);"
    }

    private mutating func insertMessage() -> String {
        let id = newID()
        messages.append(id)
        return """
            INSERT INTO messages VALUES (\(id), \(any(threads)), \(self.id(upTo: Self.users)), \
            'Message \(id), which says something.', \(time()));
            """
    }

    // MARK: Updates

    private mutating func update() -> String {
        switch number(35) {
        case 0..<10 where !messages.isEmpty:
            return "UPDATE messages SET body = 'Edited \(number(1000))' WHERE id = \(any(messages));"
        case 10..<17:
            let author = number(4) == 0 ? "NULL" : "\(id(upTo: Self.users))"
            return
                "UPDATE content_items SET title = 'Title \(number(1000))', author_id = \(author) WHERE id = \(any(items));"
        case 17..<23 where !chunks.isEmpty:
            return "UPDATE content_chunks SET content_item_id = \(any(items)) WHERE id = \(any(chunks));"
        case 23..<28:
            let thread = any(threads)
            let parent = number(3) == 0 ? "NULL" : "\(any(threads))"
            return "UPDATE threads SET parent_id = \(parent) WHERE id = \(thread);"
        case 28..<32 where !threadContent.isEmpty:
            let pair = threadContent[number(threadContent.count)]
            return """
                UPDATE thread_content SET relevance = \(Double(number(1000)) / 8) \
                WHERE (thread_id, content_item_id) = (\(pair.0), \(pair.1));
                """
        default:
            let owner = number(3) == 0 ? "NULL" : "\(id(upTo: Self.users))"
            return
                "UPDATE projects SET owner_id = \(owner), budget = \(number(100_000)).25 WHERE id = \(id(upTo: Self.projects));"
        }
    }

    // MARK: Deletes

    private mutating func delete() -> String {
        switch number(15) {
        case 0..<7 where !messages.isEmpty:
            return "DELETE FROM messages WHERE id = \(Self.take(number(messages.count), &messages));"
        case 7..<11 where !chunks.isEmpty:
            return "DELETE FROM content_chunks WHERE id = \(Self.take(number(chunks.count), &chunks));"
        case 11..<14 where !threadContent.isEmpty:
            let pair = Self.take(number(threadContent.count), &threadContent)
            return "DELETE FROM thread_content WHERE (thread_id, content_item_id) = (\(pair.0), \(pair.1));"
        case 14 where !contentTags.isEmpty:
            let pair = Self.take(number(contentTags.count), &contentTags)
            return "DELETE FROM content_tags WHERE (content_item_id, tag_id) = (\(pair.0), \(pair.1));"
        default: return insertMessage()
        }
    }

    private mutating func time() -> String {
        "'2026-01-\(10 + number(20)) 12:\(10 + number(50)):\(10 + number(50)).\(100 + number(900))Z'"
    }

    private static func padded(_ id: Int64) -> String {
        let text = String(id)
        return String(repeating: "0", count: 12 - text.count) + text
    }
}
