// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL

/// A ``ColumnTest`` laid against one version of a relation.
struct TestProgram {
    let column: Int
    let conversion: ValueConversion
    /// Values that pass, as PackStream; none where all but NULL do.
    let values: [[UInt8]]
    let name: String
}

/// A ``DerivedProperty`` laid against one version of a relation.
struct DerivedProgram {
    enum Part {
        case words([UInt8])
        case column(ColumnProgram, otherwise: [UInt8]?)
    }

    let parts: [Part]

    /// Whether the stream left a part out; it is as it was then, as with several long ones the identity is FULL.
    func isUnchanged(_ row: UInt32, _ fields: ContiguousArray<Field>) -> Bool {
        parts.contains { part in
            if case .column(let column, _) = part { fields[Int(row) + column.column].kind == .unchanged } else { false }
        }
    }
}

extension TableProgram {
    static func test(_ test: ColumnTest, in relation: Relation) throws(ApplyError) -> TestProgram {
        let column = try columns([test.source], in: relation)[0]
        let values: [[UInt8]]
        do throws(ValueError) {
            values = try test.encodedValues()
        } catch {
            throw ApplyError(.value, table: relation.name, "column \"\(test.column)\": \(error)")
        }
        return TestProgram(
            column: column.column, conversion: test.conversion, values: values, name: test.column)
    }

    static func derived(_ extra: ExtraProperties, in relation: Relation) throws(ApplyError) -> [DerivedProgram] {
        var programs: [DerivedProgram] = []
        for property in extra.derived {
            var parts: [DerivedProgram.Part] = []
            for part in property.parts {
                switch part {
                case .words(let words): parts.append(.words(Array(words.utf8)))
                case .column(let column, let otherwise):
                    parts.append(
                        .column(try columns([column], in: relation)[0], otherwise: otherwise.map { Array($0.utf8) }))
                }
            }
            programs.append(DerivedProgram(parts: parts))
        }
        return programs
    }
}

// Rows that are as good as deleted, labels by columns, and derived properties.
extension BatchEncoder {
    /// What a change is to a graph in which rows that are as good as deleted are not there; nil where it is nothing.
    ///
    /// Whether a row was there before shows in the old tuple, where the replica identity is FULL. Elsewhere an update
    /// that leaves a row there is taken for one of a row that was; see ``TableProgram/mayComeUnseen``.
    func seen(
        _ change: Change, _ program: TableProgram, _ absence: TestProgram, _ fields: inout ContiguousArray<Field>,
        _ bytes: RawSpan
    ) throws(ApplyError) -> Change.Kind? {
        let isOldWhole = change.old == .full
        switch change.kind {
        case .truncate: return .truncate
        case .insert: return try passes(absence, change.newStart, program, fields, bytes) ? nil : .insert
        case .delete:
            guard isOldWhole else { return .delete }
            return try passes(absence, change.oldStart, program, fields, bytes) ? nil : .delete
        case .update:
            if isOldWhole { fillUnchanged(program, newStart: change.newStart, from: change.oldStart, &fields) }
            let isGone = try passes(absence, change.newStart, program, fields, bytes)
            let wasGone = isOldWhole ? try passes(absence, change.oldStart, program, fields, bytes) : false
            if !isGone, !isOldWhole { try expectWhole(change.newStart, program, fields) }
            return isGone ? (wasGone ? nil : .delete) : (wasGone ? .insert : .update)
        }
    }

    /// What the stream leaves out of a row that may come by this update is nowhere.
    private func expectWhole(
        _ row: UInt32, _ program: TableProgram, _ fields: ContiguousArray<Field>
    ) throws(ApplyError) {
        let columns = program.properties + program.references.flatMap { $0 }
        guard let missing = columns.first(where: { fields[Int(row) + $0.column].kind == .unchanged }) else { return }
        throw ApplyError(
            .protocolViolation, table: program.table,
            "a row that may have been deleted softly came without \"\(missing.name)\", which is stored out of line and was "
                + "not changed. ALTER TABLE \(program.table.sql) REPLICA IDENTITY FULL; makes the stream carry it. Then run "
                + "lockstep run --resnapshot.")
    }

    /// Bit i: the row has the table's conditional label i.
    func labels(
        of row: UInt32, _ program: TableProgram, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) -> UInt64 {
        var mask: UInt64 = 0
        for (index, test) in program.labels.enumerated() where try passes(test, row, program, fields, bytes) {
            mask |= 1 << UInt64(index)
        }
        return mask
    }

    func passes(
        _ test: TestProgram, _ row: UInt32, _ program: TableProgram, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) -> Bool {
        let field = fields[Int(row) + test.column]
        switch field.kind {
        case .null: return false
        // What is long enough to be left out is none of the values.
        case .unchanged: return test.values.isEmpty
        case .text, .binary: if test.values.isEmpty { return true }
        }
        let start = Int(field.offset)
        scratch.removeAll()
        do throws(ValueError) {
            try test.conversion.encode(
                bytes.extracting(start..<start + Int(field.length)), isBinary: field.kind == .binary, into: &scratch)
        } catch {
            throw ApplyError(.value, table: program.table, "column \"\(test.name)\": \(error)")
        }
        for value in test.values where Self.same(value, scratch.bytes) { return true }
        return false
    }

    private static func same(_ value: [UInt8], _ bytes: RawSpan) -> Bool {
        guard value.count == bytes.byteCount else { return false }
        for index in value.indices where value[index] != bytes.byte(at: index) { return false }
        return true
    }

    func write(
        _ derived: DerivedProgram, _ row: UInt32, _ program: TableProgram, _ fields: ContiguousArray<Field>,
        _ bytes: RawSpan, into out: inout PackStreamBuffer
    ) throws(ApplyError) {
        template.begin()
        for part in derived.parts {
            switch part {
            case .words(let words): template.append(words: words)
            case .column(let column, let otherwise):
                let field = fields[Int(row) + column.column]
                guard field.kind == .text || field.kind == .binary else {
                    template.appendNull(otherwise: otherwise)
                    continue
                }
                let start = Int(field.offset)
                do throws(ValueError) {
                    try template.append(
                        bytes.extracting(start..<start + Int(field.length)), isBinary: field.kind == .binary,
                        by: column.conversion, otherwise: otherwise)
                } catch {
                    throw ApplyError(.value, table: program.table, "column \"\(column.name)\": \(error)")
                }
            }
        }
        template.finish(into: &out)
    }
}

extension RawSpan {
    fileprivate func byte(at index: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self) }
}
