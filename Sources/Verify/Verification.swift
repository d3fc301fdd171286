// Part of Lockstep. See LICENSE.

public import Bolt
public import Mapping
public import PostgreSQL
public import Threading

/// Compares every mapped row with the graph, and the graph with every mapped row, while changes keep flowing.
///
/// Each table, and each relationship, is compared by itself, in two steps:
///
/// 1. Read PostgreSQL; wait until the graph has reached what was read; read the graph. Both sides are held as hashes,
///    25 bytes a row at most at twice that while growing. What differs here is only suspected: changes went on.
/// 2. Look at the suspects again by key: in PostgreSQL, then, once the graph has caught up, in the graph, and in
///    PostgreSQL once more. A row that did not change in between, and that the graph shows otherwise, is a difference
///    once this was seen twice. Rows that change all the time are counted as unsettled, not as differences.
///
/// Values are compared by their PackStream bytes, made by the conversions that the pipeline uses, and on the graph's
/// side brought into the same form first.
public struct Verification: Sendable {
    public struct Limits: Sendable {
        /// Findings that the report holds; all are counted.
        public var findings = 1000
        /// Suspects of one table that are looked at again; what is beyond is counted as unchecked.
        public var suspects = 100_000
        /// Keys that are looked up at a time.
        public var lookup = 500
        /// Times that a suspect is looked at again before it is left as unsettled.
        public var rounds = 8

        public init() {}
    }

    /// Where a verification stands.
    public struct Progress: Sendable {
        public enum Step: Sendable {
            case readingSource, waitingForGraph, readingGraph, lookingAgain
        }

        /// What is compared: a label, or `(:A)-[:TYPE]->(:B)`.
        public var what: String
        public var step: Step
        /// Rows, records or keys of this step done.
        public var count: Int
        /// Comparisons done before this one, and in all.
        public var comparison: Int
        public var comparisons: Int
    }

    public var mapping: GraphMapping
    public var source: PostgresConfiguration
    public var graph: BoltConfiguration
    public var limits: Limits
    /// What they make is compared; nil for all.
    public var tables: Set<QualifiedName>?

    public init(
        mapping: GraphMapping, source: PostgresConfiguration, graph: BoltConfiguration, limits: Limits = Limits(),
        tables: Set<QualifiedName>? = nil
    ) {
        self.tables = tables
        self.mapping = mapping
        self.source = source
        self.graph = graph
        self.limits = limits
    }

    /// Runs the whole comparison on the calling thread, with one connection to each side.
    ///
    /// - Parameters:
    ///   - waitForGraph: Blocks until the graph has applied everything up to a position; false when it gave up.
    ///   - waitForView: Then blocks until the graph has the rows of a view as they were there, or later; false when it gave
    ///     up.
    ///   - progress: Called now and then, at least once for each step.
    ///   - stop: Ends the run with an error of kind `.stopped`.
    public func run(
        waitForGraph: (LSN) throws -> Bool, waitForView: (QualifiedName, LSN) throws -> Bool = { _, _ in true },
        progress: (Progress) -> Void = { _ in }, stop: StopSignal
    ) throws(VerifyError) -> Report {
        let start = MonotonicTime.now
        let source = try SourceReader(source, stop: stop)
        defer { source.close() }
        let graph = try GraphReader(graph, stop: stop)
        defer { graph.close() }

        let comparisons = Comparison.all(of: mapping).filter { tables?.contains($0.table) ?? true }
        var report = Report(findingsMax: limits.findings)
        report.custom = mapping.nodes.filter { $0.custom != nil && tables?.contains($0.table) ?? true }.map(\.table)
        for (index, comparison) in comparisons.enumerated() {
            var run = ComparisonRun(
                comparison: comparison, source: source, graph: graph, limits: limits, stop: stop)
            let table = try run.run(
                waitForGraph: { lsn throws(VerifyError) in
                    try Self.wait(for: lsn, waitForGraph, stop)
                    if comparison.isComputed {
                        try Self.wait(for: lsn, { try waitForView(comparison.table, $0) }, stop, view: comparison.table)
                    }
                },
                progress: { step, count in
                    progress(
                        Progress(
                            what: comparison.what, step: step, count: count, comparison: index,
                            comparisons: comparisons.count))
                })
            report.add(table)
        }
        report.duration = MonotonicTime.now - start
        return report
    }

    private static func wait(
        for lsn: LSN, _ body: (LSN) throws -> Bool, _ stop: StopSignal, view: QualifiedName? = nil
    ) throws(VerifyError) {
        guard !stop.isStopped else { throw .stopped }
        let isReached: Bool
        do {
            isReached = try body(lsn)
        } catch {
            throw stop.isStopped ? .stopped : VerifyError(.waiting, "waiting for the graph to reach \(lsn): \(error)")
        }
        guard isReached else {
            throw stop.isStopped
                ? .stopped
                : VerifyError(
                    .graphBehind(lsn),
                    view.map { "\($0) was not read again in time; see `lockstep status` how often it is, and why not" }
                        ?? "the graph has not reached \(lsn) in time; see `lockstep status` whether the pipeline runs")
        }
    }
}
