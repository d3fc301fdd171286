// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Verify

/// Rows of a table by key, as they are now.
struct SourceLookup {
    let read: TableRead
    let key: [PropertyMapping]
    /// SQL for the rows that count; nil for all.
    var condition: String?

    /// Whether a key's value in the graph leads back to the column's. A `numeric` as a float does not.
    var isExact: Bool {
        key.allSatisfy { property in
            let conversion = property.conversion
            return conversion.target != .float || conversion.source == .float4 || conversion.source == .float8
        }
    }

    /// A key as a list of literals in brackets; nil for a value that no row can have.
    static func literals(_ values: [BoltValue]) -> String? {
        let literals = values.compactMap(\.sqlLiteral)
        return literals.count == values.count ? "(\(literals.joined(separator: ", ")))" : nil
    }

    /// The key of a tuple, as the graph has it; nil where the tuple lacks some of it.
    ///
    /// - Parameter columns: Where in the tuple each part of the key stands.
    func key(of start: UInt32, _ columns: [Int], in buffer: ChangeBuffer) -> [BoltValue]? {
        var values: [BoltValue] = []
        for (property, column) in zip(key, columns) {
            let field = buffer.fields[Int(start) + column]
            guard field.kind == .text || field.kind == .binary else { return nil }
            let first = Int(field.offset)
            var out = PackStreamBuffer()
            do {
                let bytes = Array(buffer.bytes[first..<first + Int(field.length)])
                try property.conversion.encode(unsafe bytes.span.bytes, isBinary: field.kind == .binary, into: &out)
                var reader = PackStreamReader(out.bytes)
                values.append(try reader.readValue())
            } catch {
                return nil
            }
        }
        return values
    }

    /// Reads the rows with these keys into `found`, in the transaction that `reader` is in.
    ///
    /// - Returns: By key, where the row is in `found`. A key of another type is another key.
    func rows(
        _ keys: some Collection<[BoltValue]>, into found: ChangeBuffer, _ reader: SnapshotCopy
    ) throws(CaptureError) -> [[BoltValue]: UInt32] {
        found.removeAll()
        let literals = keys.compactMap(Self.literals)
        guard !literals.isEmpty else { return [:] }
        found.relations = [read.relation]
        let names = key.map { QualifiedName.quoted($0.column) }.joined(separator: ", ")
        let hasKey = "(\(names)) IN (\(literals.joined(separator: ", ")))"
        do throws(SnapshotCopyFailure<Never>) {
            _ = try reader.copy(
                read.table, columns: read.columns, where: condition.map { "\(hasKey) AND (\($0))" } ?? hasKey,
                relation: 0, into: found, maxRows: .max, maxBytes: .max
            ) { () throws(Never) in }
        } catch {
            switch error {
            case .capture(let failure): throw failure
            }
        }
        let columns = key.compactMap { property in read.relation.columns.firstIndex { $0.name == property.column } }
        var rows: [[BoltValue]: UInt32] = [:]
        for change in found.changes {
            if let key = key(of: change.newStart, columns, in: found) { rows[key] = change.newStart }
        }
        return rows
    }
}
