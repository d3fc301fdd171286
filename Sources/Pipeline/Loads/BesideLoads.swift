// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Threading

/// What a pump knows of the tables that are to be loaded while it follows the stream. Lives on its thread.
///
/// "Loads beside the stream" in docs/ARCHITECTURE.md says how that goes and why it is right.
final class BesideLoads {
    /// For so long the stream is held: about so many rows.
    static let rowsPerRange = 5000
    /// While the stream has something to bring, loading takes no more than this part of the time.
    private static let share = 0.25
    /// So long after a table was found locked it is tried again.
    private static let lockInterval: Duration = .seconds(1)

    let settings: PipelineSettings
    private let report: @Sendable (PipelineEvent) -> Void
    private let stop: StopSignal

    /// Requests that nobody has begun with.
    private var waiting: [TableLoad]
    /// Some that an earlier attempt has begun with.
    private(set) var begun: [TableLoad] = []
    /// Requests may have come.
    var isWoken = false
    private var notBefore = MonotonicTime.now
    private var lockedUntil = MonotonicTime.now
    private var began = (at: MonotonicTime.now, share: 0.0)

    // Of those that are being loaded:

    /// The pass that all of them are in, or done with.
    var pass: TableLoad.Pass?
    /// Nil when they can be seen, and where none are begun with.
    var earlier: EarlierTransactions?
    private var plans: [QualifiedName: [TableHeap]] = [:]
    /// What the graph has of a table, and a page of it that is still to be looked for.
    var leftovers: (table: QualifiedName, keys: PagedQuery, page: [[BoltValue]]?)?
    /// The load of which it was told that the stream waits for it.
    var counting: String?

    init(
        settings: PipelineSettings, mapping: GraphMapping, loads: [TableLoad],
        report: @escaping @Sendable (PipelineEvent) -> Void,
        stop: StopSignal
    ) {
        self.settings = settings
        self.report = report
        self.stop = stop
        self.waiting = []
        for var load in loads {
            load.refit(mapping)
            // What the mapping no longer allows is refused like any other request.
            if load.pass != nil, mapping.refusal(of: load.request) == nil {
                begun.append(load)
            } else {
                waiting.append(load)
            }
        }
    }

    /// There is something to begin with.
    var hasWork: Bool { isWoken || !waiting.isEmpty }

    // MARK: When

    /// - Parameter hasMore: The stream has something to bring, too.
    func isDue(_ hasMore: Bool) -> Bool { MonotonicTime.now >= (hasMore ? notBefore : lockedUntil) }

    /// Somebody has locked a table. That is asked again now and then: the stream waits while it is.
    func postpone() {
        lockedUntil = .after(Self.lockInterval)
        notBefore = lockedUntil
    }

    func worked(since start: MonotonicTime) {
        let now = MonotonicTime.now
        let seconds = (now - start) / .seconds(1) * (1 / Self.share - 1)
        notBefore = now + .milliseconds(Int64(seconds * 1000))
    }

    // MARK: What

    /// Tables that nobody has begun to read, as a whole or for their relationships.
    var waitingTables: Set<QualifiedName> { Set(waiting.map(\.request.table)) }

    /// Those of them that lack rows until then.
    var incompleteTables: Set<QualifiedName> {
        Set(waiting.lazy.filter { $0.request.reason == .largeTransaction }.map(\.request.table))
    }

    /// Takes requests that the graph is being told of.
    func add(_ loads: [TableLoad]) { waiting += loads }

    /// Reads what is asked for.
    ///
    /// - Parameter active: What is being loaded.
    func lookForRequests(without active: [TableLoad]) throws(PipelineError) {
        isWoken = false
        let all = try GraphConnection.use(settings.graph, abandon: stop) { graph throws(PipelineError) in
            try apply { () throws(ApplyError) in try LoadStore.read(pipeline: settings.name, graph) }
        }
        let known = Set(active.map(\.request.id))
        waiting = all.filter { !known.contains($0.request.id) }
    }

    /// Takes the requests to read views again.
    func takeViews(_ mapping: GraphMapping) -> [TableLoad] {
        let views = Set(mapping.computed.map(\.table))
        defer { waiting.removeAll { views.contains($0.request.table) } }
        return waiting.filter { views.contains($0.request.table) }
    }

    /// Takes what is to be loaded next, with the tables that refer to it: all that asks for whole tables, or one thing else.
    ///
    /// - Parameter refused: Requests that cannot be fulfilled.
    func takeNext(_ mapping: GraphMapping, refused: inout [TableLoad]) -> [TableLoad] {
        for load in waiting {
            guard let reason = mapping.refusal(of: load.request) else { continue }
            refused.append(load)
            report(.warning("\(load.request.table) \(reason): the request to load it is dropped"))
        }
        waiting.removeAll { load in refused.contains { $0.request.id == load.request.id } }
        guard let first = waiting.first(where: { $0.request.condition == nil }) ?? waiting.first else { return [] }
        var taken = [first]
        for load in waiting where load.request.condition == nil && first.request.condition == nil {
            if !taken.contains(where: { $0.request.table == load.request.table }) { taken.append(load) }
        }
        waiting.removeAll { load in taken.contains { $0.request.id == load.request.id } }
        return taken + mapping.referring(to: taken.map(\.request)).map { TableLoad($0) }
    }

    /// They could not be begun with.
    func giveBack(_ loads: [TableLoad]) {
        waiting += loads.filter { $0.request.reason != .refers }
        plans = [:]
    }

    /// The heaps of a table for the pass in hand.
    func heaps(of table: QualifiedName, _ reader: SnapshotCopy) throws(PipelineError) -> [TableHeap] {
        if let plan = plans[table] { return plan }
        let plan = try capture { () throws(CaptureError) in try reader.heaps(of: table, inOnePiece: false) }
        plans[table] = plan
        return plan
    }

    /// Looks at a table's heaps anew.
    func forget(_ table: QualifiedName) { plans[table] = nil }

    // MARK: From the beginning to the end

    func begin(_ ledger: LoadLedger) {
        begun = []
        began = (.now, LoadProgress.share(ledger.loads))
        if let first = ledger.loads.first { tell(first.request.table, ledger) }
    }

    func tell(_ table: QualifiedName, _ ledger: LoadLedger) {
        var progress = LoadProgress(ledger.loads, table: table.description, began: began)
        progress.isBeside = true
        report(.loadProgress(progress))
    }

    func end(_ ledger: LoadLedger) {
        let asked = ledger.loads.filter { $0.request.reason != .refers }
        report(
            .loaded(
                tables: asked.map(\.request.table.description), rows: ledger.loads.reduce(0) { $0 + $1.rows },
                seconds: (MonotonicTime.now - began.at) / .seconds(1)))
        pass = nil
        plans = [:]
        leftovers = nil
        earlier = nil
    }
}

extension GraphMapping {
    /// Why a request cannot be fulfilled; nil where it can.
    fileprivate func refusal(of request: LoadRequest) -> String? {
        guard tables.contains(request.table), request.reason != .firstRead else { return "is not in the mapping" }
        // Each row says what it refers to, but not how many there are of it.
        let isInPart = request.condition != nil && request.reason != .refers && isReadInOnePiece(request.table)
        return isInPart ? "has equal rows, which are counted, so it is read as a whole" : nil
    }

    /// For as long as something is loaded beside the stream, or waits for that.
    func reading(_ loads: [TableLoad]) -> GraphMapping {
        var result = self
        result.readBehind = Dictionary(
            loads.compactMap { load in load.request.behind.map { (load.request.table, $0) } }, uniquingKeysWith: max)
        return result
    }

    /// Requests for the relationships that lead from other tables to what is loaded: of those rows that refer to it.
    func referring(to requests: [LoadRequest]) -> [LoadRequest] {
        var conditions: [QualifiedName: [String?]] = [:]
        func note(_ holder: QualifiedName, _ end: RelationshipEnd, orNone: Bool = false) {
            for request in requests where request.table != holder {
                guard let node = node(of: request.table), node.label == end.label,
                    !requests.contains(where: { $0.table == holder })
                else { continue }
                conditions[holder, default: []].append(
                    request.condition.flatMap { condition(on: node, end, $0, orNone: orNone) })
            }
        }
        for node in nodes {
            for reference in node.references { note(node.table, reference.target) }
            for lookup in node.lookups { note(node.table, lookup.target, orNone: true) }
        }
        for join in joins {
            note(join.table, join.from)
            note(join.table, join.to)
        }
        return conditions.keys.sorted().map { table in
            let parts = conditions[table] ?? []
            let all = parts.compactMap(\.self)
            return LoadRequest(
                table, reason: .refers, condition: all.count == parts.count ? all.joined(separator: " OR ") : nil)
        }
    }

    /// Rows that refer to those of a node's table that meet a condition; nil where SQL cannot say it.
    ///
    /// - Parameter orNone: And those that name none: what they have looked up may be of one that is left over.
    private func condition(
        on node: NodeMapping, _ end: RelationshipEnd, _ condition: String, orNone: Bool
    ) -> String? {
        let own = end.key.map { part in (node.key + node.properties).first { $0.property == part.property }?.column }
        guard own.allSatisfy({ $0 != nil }) else { return nil }
        let columns = end.key.map { QualifiedName.quoted($0.column) }.joined(separator: ", ")
        let names = own.compactMap(\.self).map(QualifiedName.quoted).joined(separator: ", ")
        let rows = "SELECT \(names) FROM \(node.table.sql)"
        return "(\(columns)) IN (\(rows) WHERE (\(condition)))" + (orNone ? " OR (\(columns)) NOT IN (\(rows))" : "")
    }
}
