// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import PostgreSQL

/// Which tables the graph has, and what was made of each; and which tables there are beside the mapping: lists on the
/// checkpoint node.
struct RememberedTables: Sendable {
    struct Entry: Sendable, Equatable {
        var oid: OID
        var table: QualifiedName
        var content: TableContent
        /// Of a table with Cypher of its own: what takes away what it has made, by the mapping of then.
        var customSweep: String?
    }

    var entries: [Entry]
    /// Tables of which the mapping says nothing, and that are not new: they were there before, or somebody has been told of
    /// them. Nil where nobody has looked.
    var others: Set<OID>?
    /// The first read is done.
    var isWhole = false

    init(_ plan: Plan) {
        others = Set(plan.file.unmentioned(in: plan.catalog).map(\.oid))
        entries = plan.mapping.tables.sorted().compactMap { table in
            plan.content(of: table).map { content in
                Entry(
                    oid: plan.catalog.table(table)?.oid ?? 0, table: table, content: content,
                    customSweep: plan.mapping.node(of: table)?.customSweepStatement)
            }
        }
    }

    /// Labels and types of what the graph has of them.
    var names: Set<String> { Set(entries.flatMap(\.content.names)) }

    /// Nothing else is made of the tables, whatever they are called.
    func isSame(as other: RememberedTables) -> Bool {
        func marks(_ tables: RememberedTables) -> Set<String> {
            Set(tables.entries.map { "\($0.oid) \($0.content.fingerprint)" })
        }
        return marks(self) == marks(other)
    }

    /// What was made of the same table.
    func entry(of table: Entry) -> Entry? { entries.first { $0.oid == table.oid } }

    /// While edits are being followed, and tables leave.
    func unsettled(by edits: [MappingEdit], until now: RememberedTables, without removed: [OID]) -> RememberedTables {
        let edited = Set(edits.filter { $0.change.policy == .apply }.map(\.table))
        var result = self
        for index in entries.indices {
            let next = now.entry(of: entries[index])
            guard removed.contains(entries[index].oid) || next.map({ edited.contains($0.table) }) == true else {
                continue
            }
            result.entries[index].content = entries[index].content.unsettled(until: next?.content)
        }
        return result
    }

    /// What leaves the graph with what has happened to a table or a column: what was made of that and is made no more.
    func sweeps(for change: SchemaChange, now: RememberedTables) -> [Sweep] {
        guard change.policy == .apply, !change.sources.isEmpty else { return [] }
        return entries.flatMap { entry in
            if change.sources.contains(TableContent.Part.Source(entry.oid)) { return entry.sweeps }
            let parts = now.entry(of: entry)?.content.parts ?? []
            let gone = entry.content.parts.filter { part in
                !change.sources.isDisjoint(with: part.sources) && !parts.contains(where: part.replaces)
            }
            return entry.sweeps(of: gone)
        }
    }

    // MARK: In the graph

    /// Nil where there is no checkpoint.
    static func read(pipeline: String, _ graph: BoltChannel) throws(PipelineError) -> Self? {
        do throws(BoltError) {
            let rows = try graph.query(
                "MATCH (c:LockstepCheckpoint {pipeline: $pipeline}) RETURN c.tables, c.otherTables, c.phase",
                ["pipeline": .string(pipeline)]
            ).rows
            guard let row = rows.first, row.count == 3, let list = row[0].listValue else { return nil }
            var found = Self(entries: list.compactMap { $0.stringValue.flatMap(Entry.init(text:)) })
            found.others = row[1].listValue.map { numbers in
                Set(numbers.compactMap { $0.integerValue.flatMap { UInt32(exactly: $0) }.map(OID.init(rawValue:)) })
            }
            found.isWhole = row[2].stringValue == Checkpoint.Phase.streaming.rawValue
            return found
        } catch {
            throw PipelineError(error)
        }
    }

    init(entries: [Entry]) { self.entries = entries }

    /// For `GraphWriter.write(_:and:expecting:)`.
    func writing(pipeline: String) -> (cypher: String, parameters: [String: BoltValue]) {
        (
            "MATCH (c:LockstepCheckpoint {pipeline: $pipeline}) SET c.tables = $tables, c.otherTables = $others",
            [
                "pipeline": .string(pipeline), "tables": .list(entries.map { .string($0.text) }),
                "others": others.map { .list($0.sorted().map { .integer(Int64($0.rawValue)) }) } ?? .null,
            ]
        )
    }
}

extension RememberedTables.Entry {
    /// Sweeps of all that the table has made.
    var sweeps: [Sweep] {
        (customSweep.map { [Sweep(text: $0, table: table, custom: .delete)] } ?? [])
            + content.sweeps.map { Sweep(text: $0, table: table) }
    }

    /// Sweeps of parts of it.
    func sweeps(of parts: [TableContent.Part]) -> [Sweep] {
        content.sweeps(of: parts).map { Sweep(text: $0, table: table) }
    }

    /// A line for the table, with its own sweep, and one for each part; fields with a tab between them.
    var text: String {
        let head = [String(oid.rawValue), table.schema, table.name, customSweep ?? ""] + content.names
        let parts = content.parts.map { part in
            [part.kind.rawValue, part.sources.map(\.text).joined(separator: ","), part.mark, part.name]
        }
        return ([head] + parts).map { $0.map(Self.escaped).joined(separator: "\t") }.joined(separator: "\n")
    }

    init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map(Self.plain)
        }
        guard let head = lines.first, head.count == 5 || head.count == 7, let number = UInt32(head[0]) else {
            return nil
        }
        var parts: [TableContent.Part] = []
        for line in lines.dropFirst() {
            guard line.count == 4, let kind = TableContent.Part.Kind(rawValue: line[0]) else { return nil }
            let sources = line[1].split(separator: ",").compactMap(TableContent.Part.Source.init(text:))
            parts.append(TableContent.Part(kind, line[3], of: sources, mark: line[2]))
        }
        self.init(
            oid: OID(rawValue: number), table: QualifiedName(schema: head[1], name: head[2]),
            content: TableContent(names: Array(head[4...]), parts: parts), customSweep: head[3].isEmpty ? nil : head[3])
    }

    /// Names may hold anything.
    private static func escaped(_ field: String) -> String {
        field.replacing("\\", with: "\\\\").replacing("\t", with: "\\t").replacing("\n", with: "\\n")
    }

    private static func plain(_ field: Substring) -> String {
        var result = ""
        var rest = field
        while let character = rest.popFirst() {
            guard character == "\\", let next = rest.popFirst() else {
                result.append(character)
                continue
            }
            result.append(next == "t" ? "\t" : next == "n" ? "\n" : next)
        }
        return result
    }
}

extension TableContent.Part.Source {
    fileprivate var text: String { "\(table).\(column)" }

    fileprivate init?(text: Substring) {
        let words = text.split(separator: ".")
        guard words.count == 2, let table = UInt32(words[0]), let column = Int16(words[1]) else { return nil }
        self.init(OID(rawValue: table), column: column)
    }
}
