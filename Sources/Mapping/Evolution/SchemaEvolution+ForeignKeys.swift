// Part of Lockstep. See LICENSE.

public import PostgreSQL

// References that a constraint guarded once and guards no more: rows may refer to rows that are not there, or come later.
extension SchemaEvolution {
    /// Lets references wait for their targets where the constraint has gone, until it is there again or the file says so.
    ///
    /// - Parameter entry: With the names of now.
    mutating func followForeignKeys(_ entry: TableEntry) -> TableEntry {
        guard let table = catalog.table(entry.table.value),
            let place = memory.firstIndex(where: { $0.oid == table.oid && !$0.isDropped })
        else { return entry }
        let known = remembered.first { $0.oid == table.oid && !$0.isDropped }?.foreignKeys ?? []
        var kept: Set<TableMemory.ForeignKey> = []
        let result = entry.changingEnds { end in
            guard end.isEnforced, let other = catalog.table(end.references.value) else { return }
            let names = end.columns.map(\.value)
            let list = names.joined(separator: ", ")
            let key = file.tables.first { $0.table.value == other.name }?.ownKey ?? []
            let before = known.first { $0.table == other.oid && Set($0.columns) == Set(table.numbers(of: names)) }
            let constraint = table.foreignKey(over: names, to: other.name, key: key)
            if let constraint, constraint.coverage == .allRows {
                kept.insert(TableMemory.ForeignKey(constraint, from: table, to: other))
                if before?.isDropped == true {
                    tell(
                        names, table, "a foreign key leads from (\(list)) to \(other.name) again",
                        "it is believed, and the table is read while the stream goes on")
                }
                return
            }
            guard var before else { return }
            if let constraint {
                guard constraint.coverage != .periods else { return }
            } else {
                // Without one, columns name rows by the key; and by nothing where they name rows of another table now.
                let columns = before.columns(for: other.numbers(of: key), of: table)
                let isElsewhere = table.foreignKeys.contains { Set($0.columns) == Set(names) }
                guard !isElsewhere, other.isKey(key), let columns else { return }
                if columns != names { end.columns = columns.map { Located($0) } }
            }
            end.isEnforced = false
            let isNew = !before.isDropped
            before.isDropped = true
            kept.insert(before)
            guard isNew else { return }
            let what =
                constraint.map { "\($0.constraintName) is \($0.gap ?? "") now" }
                ?? "no foreign key leads from (\(list)) to \(other.name) any more"
            let file = memory[place].fileName
            tell(
                names, table, what,
                "what it relates is related whenever both rows are there, and the table is read while the stream goes on",
                policies[.foreignKeyDropped],
                advice: memory[place].adopted == nil
                    ? "write enforced: false beside columns: [\(list)] under \(file) in the mapping"
                    : nil)
        }
        memory[place].foreignKeys = kept.sorted()
        return result
    }

    private mutating func tell(
        _ columns: [String], _ table: Catalog.Table, _ what: String, _ action: String,
        _ policy: SchemaChangePolicy = .apply, advice: String? = nil
    ) {
        var change = SchemaChange(
            kind: .foreignKeyDropped, policy: policy, table: fileName(of: table.name), what: what, action: action,
            advice: advice, needsReading: policy == .apply)
        change.sources = Set(table.numbers(of: columns).map { TableContent.Part.Source(table.oid, column: $0) })
        // Several references may go by one.
        if !changes.contains(where: { $0.id == change.id }) { changes.append(change) }
    }
}

extension TableMemory {
    /// A constraint that a reference of the mapping goes by.
    public struct ForeignKey: Sendable, Hashable, Comparable {
        /// The numbers of the columns.
        public var columns: [Int16]
        public var table: OID
        /// There, in the order of ``columns``.
        public var referenced: [Int16]
        /// It is none any more, and the graph has followed.
        public var isDropped: Bool

        public init(columns: [Int16], table: OID, referenced: [Int16], isDropped: Bool = false) {
            self.columns = columns
            self.table = table
            self.referenced = referenced
            self.isDropped = isDropped
        }

        public static func < (left: Self, right: Self) -> Bool {
            (left.columns + left.referenced).lexicographicallyPrecedes(right.columns + right.referenced)
        }

        fileprivate init(_ constraint: Catalog.ForeignKey, from table: Catalog.Table, to other: Catalog.Table) {
            self.init(
                columns: table.numbers(of: constraint.columns), table: other.oid,
                referenced: other.numbers(of: constraint.referencedColumns))
        }

        /// The columns that hold a key; nil where it led elsewhere.
        fileprivate func columns(for key: [Int16], of table: Catalog.Table) -> [String]? {
            guard Set(key) == Set(referenced) else { return nil }
            let pairs = Dictionary(zip(referenced, columns)) { first, _ in first }
            let names = key.compactMap { number in table.columns.first { $0.number == pairs[number] }?.name }
            return names.count == columns.count ? names : nil
        }
    }
}

extension Catalog.Table {
    fileprivate func numbers(of names: [String]) -> [Int16] { names.compactMap { column($0)?.number } }
}
