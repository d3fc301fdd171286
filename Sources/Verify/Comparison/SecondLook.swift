// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL
internal import Threading

/// Looks suspects up by key until it is known what they are: equal, different, or never at rest.
///
/// The graph is read between two readings of PostgreSQL, and after it has caught up with the first. If PostgreSQL's row
/// is the same version in both, the graph has to show exactly it. That is asked for twice, since a row that comes, goes
/// and comes again between the two readings looks as if it had never been there.
struct SecondLook {
    private static let looksNeeded = 2

    /// What one side has under a key: each property as canonical PackStream bytes.
    private struct Entity {
        var values: [[UInt8]]
        /// Another one for each version of a row; empty for what is in the graph.
        var version = ""
    }

    private let comparison: Comparison
    private let source: SourceReader
    private let graph: GraphReader
    private let limits: Verification.Limits
    private let stop: StopSignal

    private(set) var findings: [Verification.Finding] = []
    private(set) var differences = 0
    private(set) var unsettled = 0

    init(
        comparison: Comparison, source: SourceReader, graph: GraphReader, limits: Verification.Limits, stop: StopSignal
    ) {
        self.comparison = comparison
        self.source = source
        self.graph = graph
        self.limits = limits
        self.stop = stop
    }

    /// - Parameter suspects: Keys as PackStream bytes.
    mutating func run(
        _ suspects: Set<[UInt8]>, waitForGraph: ComparisonRun.Wait, progress: ComparisonRun.Report
    ) throws(VerifyError) {
        var pending = Array(suspects).sorted { $0.lexicographicallyPrecedes($1) }
        var looks: [[UInt8]: Int] = [:]
        for round in 0..<limits.rounds where !pending.isEmpty {
            // What is still moving may come to rest.
            if round >= Self.looksNeeded, !stop.sleep(for: .milliseconds(25 << min(round, 6))) { throw .stopped }
            var left: [[UInt8]] = []
            for start in stride(from: 0, to: pending.count, by: limits.lookup) {
                progress(.lookingAgain, pending.count - start)
                let keys = pending[start..<min(start + limits.lookup, pending.count)]
                left += try look(at: keys, &looks, waitForGraph)
            }
            pending = left
        }
        unsettled = pending.count
    }

    /// - Returns: The keys of which nothing is certain yet.
    private mutating func look(
        at keys: ArraySlice<[UInt8]>, _ looks: inout [[UInt8]: Int], _ waitForGraph: ComparisonRun.Wait
    ) throws(VerifyError) -> [[UInt8]] {
        let before = try rows(of: keys)
        try waitForGraph(try source.currentLSN())
        let found = try entities(of: keys)
        let after = try rows(of: keys)
        var left: [[UInt8]] = []
        for key in keys {
            let (old, new, shown) = (before[key] ?? [], after[key] ?? [], found[key] ?? [])
            if Self.agree(old, shown) || Self.agree(new, shown) { continue }
            let isAtRest = old.map(\.version).sorted() == new.map(\.version).sorted()
            let count = isAtRest ? looks[key, default: 0] + 1 : 0
            looks[key] = count
            if count < Self.looksNeeded {
                left.append(key)
            } else {
                note(key, new, shown)
            }
        }
        return left
    }

    private static func agree(_ rows: [Entity], _ shown: [Entity]) -> Bool {
        rows.count <= 1 && rows.map(\.values) == shown.map(\.values)
    }

    /// Nodes without their key, or relationships at such nodes, are the same as none: no row has made them.
    mutating func checkKeyless(waitForGraph: ComparisonRun.Wait) throws(VerifyError) {
        var count = Int.max
        for _ in 0..<Self.looksNeeded {
            try waitForGraph(try source.currentLSN())
            count = min(count, try graph.count(comparison.keylessQuery, comparing: comparison.what))
        }
        guard count > 0 else { return }
        differences += count
        findings.append(
            finding(comparison.isNode ? .extraNode : .extraRelationship, "no key, \(count) times", properties: []))
    }

    // MARK: Findings

    private mutating func note(_ key: [UInt8], _ rows: [Entity], _ shown: [Entity]) {
        differences += 1
        guard findings.count < limits.findings else { return }
        let isNode = comparison.isNode
        let printed = comparison.printedKey(BoltValue.unpacked(key))
        if rows.count > 1 {
            findings.append(finding(.duplicateRow, printed, properties: []))
        } else if rows.isEmpty {
            findings.append(finding(isNode ? .extraNode : .extraRelationship, printed, properties: []))
        } else if shown.isEmpty {
            findings.append(finding(isNode ? .missingNode : .missingRelationship, printed, properties: []))
        } else if shown.count > 1 {
            findings.append(finding(isNode ? .duplicateNode : .duplicateRelationship, printed, properties: []))
        } else {
            let names = comparison.properties.map(\.property)
            var differing: [String] = []
            for index in rows[0].values.indices where rows[0].values[index] != shown[0].values[index] {
                let name = index < names.count ? names[index] : "labels"
                if differing.last != name { differing.append(name) }
            }
            findings.append(
                finding(isNode ? .propertiesDiffer : .relationshipPropertiesDiffer, printed, properties: differing))
        }
    }

    private func finding(
        _ kind: Verification.Finding.Kind, _ key: String, properties: [String]
    ) -> Verification.Finding {
        Verification.Finding(
            kind: kind, what: comparison.what, table: comparison.table, key: key, properties: properties)
    }

    // MARK: Both sides by key

    private func rows(of keys: ArraySlice<[UInt8]>) throws(VerifyError) -> [[UInt8]: [Entity]] {
        var literals: [[String]] = []
        for key in keys {
            let values = BoltValue.unpacked(key)
            // A value that no row has: there is nothing to ask PostgreSQL for.
            let row = comparison.lookup.compactMap { values[$0].sqlLiteral }
            if row.count == comparison.lookup.count { literals.append(row) }
        }
        guard !literals.isEmpty else { return [:] }
        guard comparison.keyIsExact else { return try rows(of: Set(keys), literals: nil) }
        do throws(VerifyError) {
            return try rows(of: Set(keys), literals: literals)
        } catch {
            // A node that no row made may have a key that the column's type cannot even read (class 22): then all rows
            // are read.
            guard case .postgres(let cause) = error.kind, cause.sqlState?.hasPrefix("22") == true else { throw error }
            return try rows(of: Set(keys), literals: nil)
        }
    }

    private func rows(of keys: Set<[UInt8]>, literals: [[String]]?) throws(VerifyError) -> [[UInt8]: [Entity]] {
        let statement = comparison.copyStatement(
            withVersion: true, partitioned: source.partitioned, keys: literals)
        var found: [[UInt8]: [Entity]] = [:]
        var buffer = PackStreamBuffer()
        try source.copy(statement, of: comparison.table) { row throws(VerifyError) in
            buffer.removeAll()
            try row.encode(comparison.key, of: comparison.table, into: &buffer)
            let key = [UInt8](copying: buffer.bytes)
            var entity = Entity(values: [])
            for property in comparison.properties {
                buffer.removeAll()
                try row.encode(property, of: comparison.table, into: &buffer)
                entity.values.append([UInt8](copying: buffer.bytes))
            }
            if !comparison.furtherLabels.isEmpty { entity.values.append(Self.canonical(true)) }
            for _ in comparison.conditionalLabels { entity.values.append(Self.canonical(try row.nextFlag())) }
            if let version = try row.next() {
                entity.version = unsafe version.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
            }
            if keys.contains(key) { found[key, default: []].append(entity) }
        }
        return found
    }

    private func entities(of keys: ArraySlice<[UInt8]>) throws(VerifyError) -> [[UInt8]: [Entity]] {
        let parameter = BoltValue.list(keys.map { .list(BoltValue.unpacked($0)) })
        var found: [[UInt8]: [Entity]] = [:]
        try graph.forEachRecord(comparison.lookupQuery, ["keys": parameter], comparing: comparison.what) {
            reader throws(PackStreamError) in
            let (ends, properties, labels) = try comparison.readLookup(&reader)
            var key: [UInt8] = []
            for (property, map) in zip(comparison.key, ends) {
                key += canonical(map[property.property] ?? .null, property.conversion)
            }
            var entity = Entity(
                values: comparison.properties.map { canonical(properties[$0.property] ?? .null, $0.conversion) })
            entity.values += labels.map(Self.canonical)
            // The index finds 1.0 for 1; here they are different keys.
            found[key, default: []].append(entity)
        }
        return found
    }

    private func canonical(_ value: BoltValue, _ conversion: ValueConversion) -> [UInt8] {
        var raw = PackStreamBuffer()
        raw.append(value)
        var out = PackStreamBuffer()
        var reader = PackStreamReader(raw.bytes)
        do throws(PackStreamError) {
            try out.appendCanonical(&reader, as: conversion, graph.dialect)
        } catch {
            preconditionFailure("what was just packed cannot be read: \(error)")
        }
        return [UInt8](copying: out.bytes)
    }

    private static func canonical(_ value: Bool) -> [UInt8] {
        var out = PackStreamBuffer()
        out.append(value)
        return [UInt8](copying: out.bytes)
    }
}
