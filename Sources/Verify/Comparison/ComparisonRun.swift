// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL
internal import Threading

/// One comparison under way: reads both sides whole, and leaves the suspects to ``SecondLook``.
struct ComparisonRun: ~Copyable {
    typealias Wait = (LSN) throws(VerifyError) -> Void
    typealias Report = (Verification.Progress.Step, Int) -> Void

    private static let reportEvery = 50_000

    private let comparison: Comparison
    private let source: SourceReader
    private let graph: GraphReader
    private let limits: Verification.Limits
    private let stop: StopSignal

    private var table = RowTable(expecting: 0)
    private var rows = 0
    private var inGraph = 0
    /// Nodes, or relationships at whose ends a node, lacks a part of the key.
    private var keyless = 0
    /// Keys, as PackStream bytes, that did not look the same on both sides.
    private var suspects: Set<[UInt8]> = []
    private var unchecked = 0

    // Reused for each row.
    private var key = PackStreamBuffer()
    private var values = PackStreamBuffer()

    init(
        comparison: Comparison, source: SourceReader, graph: GraphReader, limits: Verification.Limits, stop: StopSignal
    ) {
        self.comparison = comparison
        self.source = source
        self.graph = graph
        self.limits = limits
        self.stop = stop
    }

    mutating func run(waitForGraph: Wait, progress: Report) throws(VerifyError) -> Verification.TableReport {
        try readSource(progress)
        progress(.waitingForGraph, 0)
        try waitForGraph(try source.currentLSN())
        try readGraph(progress)
        if table.seenCount < table.count { try collectMissing(progress) }
        table = RowTable(expecting: 0)

        var look = SecondLook(comparison: comparison, source: source, graph: graph, limits: limits, stop: stop)
        try look.run(suspects, waitForGraph: waitForGraph, progress: progress)
        if keyless > 0 { try look.checkKeyless(waitForGraph: waitForGraph) }
        return Verification.TableReport(
            what: comparison.what, table: comparison.table, rows: rows, inGraph: inGraph,
            differences: look.differences, unsettled: look.unsettled, unchecked: unchecked, findings: look.findings)
    }

    private mutating func readSource(_ progress: Report) throws(VerifyError) {
        progress(.readingSource, 0)
        let statement = comparison.copyStatement(partitioned: source.partitioned)
        let furtherLabels = !comparison.furtherLabels.isEmpty
        try source.copy(statement, of: comparison.table) { row throws(VerifyError) in
            key.removeAll()
            values.removeAll()
            try row.encode(comparison.key, of: comparison.table, into: &key)
            try row.encode(comparison.properties, of: comparison.table, into: &values)
            if furtherLabels { values.append(true) }
            for _ in comparison.conditionalLabels { values.append(try row.nextFlag()) }
            rows += 1
            if table.insert(Fingerprint(key.bytes), row: Fingerprint(values.bytes).high) == .repeated { suspect() }
            if rows % Self.reportEvery == 0 { progress(.readingSource, rows) }
        }
        progress(.readingSource, rows)
    }

    private mutating func readGraph(_ progress: Report) throws(VerifyError) {
        progress(.readingGraph, 0)
        let dialect = graph.dialect
        let furtherLabels = !comparison.furtherLabels.isEmpty
        try graph.forEachRecord(comparison.scanQuery, comparing: comparison.what) {
            reader throws(PackStreamError) in
            key.removeAll()
            values.removeAll()
            var hasKey = true
            for property in comparison.key {
                if try reader.nextKind() == .null { hasKey = false }
                try key.appendCanonical(&reader, as: property.conversion, dialect)
            }
            for property in comparison.properties {
                try values.appendCanonical(&reader, as: property.conversion, dialect)
            }
            if furtherLabels { values.append(try reader.readBoolean()) }
            for _ in comparison.conditionalLabels { values.append(try reader.readBoolean()) }
            inGraph += 1
            if inGraph % Self.reportEvery == 0 { progress(.readingGraph, inGraph) }
            guard hasKey else {
                keyless += 1
                return
            }
            switch table.see(Fingerprint(key.bytes), row: Fingerprint(values.bytes).high) {
            case .equal: break
            case .unknown, .different, .repeated: suspect()
            }
        }
        progress(.readingGraph, inGraph)
    }

    /// Of what the graph did not show only hashes are known: the keys are read once more.
    private mutating func collectMissing(_ progress: Report) throws(VerifyError) {
        let statement = comparison.copyStatement(withProperties: false, partitioned: source.partitioned)
        try source.copy(statement, of: comparison.table) { row throws(VerifyError) in
            key.removeAll()
            try row.encode(comparison.key, of: comparison.table, into: &key)
            if table.isUnseen(Fingerprint(key.bytes)) { suspect() }
        }
    }

    /// Notes the key in hand as one to look at again.
    private mutating func suspect() {
        let bytes = [UInt8](copying: key.bytes)
        guard !suspects.contains(bytes) else { return }
        if suspects.count < limits.suspects {
            suspects.insert(bytes)
        } else {
            unchecked += 1
        }
    }
}

extension CopyRow {
    /// Appends the next columns' values as the pipeline sends them.
    mutating func encode(
        _ columns: [PropertyMapping], of table: QualifiedName, into out: inout PackStreamBuffer
    ) throws(VerifyError) {
        for column in columns { try encode(column, of: table, into: &out) }
    }

    mutating func encode(
        _ column: PropertyMapping, of table: QualifiedName, into out: inout PackStreamBuffer
    ) throws(VerifyError) {
        guard let bytes = try next() else { return out.appendNull() }
        do throws(ValueError) {
            try column.conversion.encode(bytes, isBinary: column.conversion.isBinaryExact, into: &out)
        } catch {
            throw VerifyError(.value(error), "\(table), column \(column.column): \(error)")
        }
    }
}
