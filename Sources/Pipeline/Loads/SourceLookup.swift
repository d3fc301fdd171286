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

    /// A key as a list of literals in brackets, the same for the same row; nil for a value that no row can have.
    static func text(_ values: [BoltValue]) -> String? {
        let literals = values.compactMap(\.sqlLiteral)
        return literals.count == values.count ? "(\(literals.joined(separator: ", ")))" : nil
    }

    /// The key of a tuple.
    ///
    /// - Parameter columns: Where in the tuple each part of the key stands.
    func text(of start: UInt32, _ columns: [Int], in buffer: ChangeBuffer) -> String? {
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
        return Self.text(values)
    }

    /// Reads the rows with these keys into `found`, in the transaction that `reader` is in.
    ///
    /// - Returns: By key, where the row is in `found`.
    func rows(
        _ keys: some Collection<String>, into found: ChangeBuffer, _ reader: SnapshotCopy
    ) throws(CaptureError) -> [String: UInt32] {
        found.removeAll()
        guard !keys.isEmpty else { return [:] }
        found.relations = [read.relation]
        let names = key.map { QualifiedName.quoted($0.column) }.joined(separator: ", ")
        let hasKey = "(\(names)) IN (\(keys.joined(separator: ", ")))"
        do throws(SnapshotCopyFailure<Never>) {
            _ = try reader.copy(
                read.table, columns: read.columns, where: condition.map { "\(hasKey) AND (\($0))" } ?? hasKey,
                relation: 0,
                into: found, maxRows: .max, maxBytes: .max
            ) { () throws(Never) in }
        } catch {
            switch error {
            case .capture(let failure): throw failure
            }
        }
        let columns = key.compactMap { property in read.relation.columns.firstIndex { $0.name == property.column } }
        var rows: [String: UInt32] = [:]
        for change in found.changes {
            if let text = text(of: change.newStart, columns, in: found) { rows[text] = change.newStart }
        }
        return rows
    }
}
