// Part of Lockstep. See LICENSE.

// Tables of relationships of which nothing guarantees that both ends are there. While one is not, the row waits: as a node
// of Lockstep's own, which holds the row's key, what it names at both ends, and its properties. It becomes the relationship
// when the end comes, and the relationship becomes it when an end goes. So each row is one of the two, never both.
// What a row's node leads to is looked for by OPTIONAL MATCH for the reason given at ``NodeMapping/staleStatement(reference:)``.
extension JoinMapping {
    /// One of the two ends, as its nodes' table sees it.
    public enum Side: Sendable {
        case from
        case to
    }

    /// The label of rows that wait.
    public var waitingLabel: String { Self.waitingLabel(from.label, type, to.label) }

    public static func waitingLabel(_ from: String, _ type: String, _ to: String) -> String {
        "Lockstep__\(from)__\(type)__\(to)"
    }

    private var waiting: String { Cypher.quoted(waitingLabel) }

    /// Keeps the rows that lack an end. Row: own key…, from key…, to key…, then all that is ``written``.
    public func waitStatement() -> String {
        "UNWIND $rows AS r OPTIONAL " + node("a", from, at: ownKey.count)
            + " OPTIONAL " + node("b", to, at: ownKey.count + from.key.count)
            + " WITH r, a, b WHERE a IS NULL OR b IS NULL MERGE (w:\(waiting) {\(waitingKey)})"
            + Cypher.set("w", waitingValues + written, extra.constants, at: isKeyed ? ownKey.count : 0)
    }

    /// Row: key….
    public func dropWaitingStatement() -> String {
        "UNWIND $rows AS r OPTIONAL MATCH (w:\(waiting) {\(waitingKey)}) DELETE w"
    }

    /// Whatever the rows are. Row: key….
    public var deleteStatements: [String] { [deleteStatement()] + (waits ? [dropWaitingStatement()] : []) }

    /// Makes relationships of the rows that wait for these nodes, where the other end is there, too. Row: key…, of the
    /// node at that side.
    ///
    /// - Parameter sweeps: Of some of them, and returns how many.
    public func admitStatement(_ side: Side, sweeps: Bool = false) -> String {
        let (here, there) = side == .from ? (from, to) : (to, from)
        let (own, other) = side == .from ? ("a", "b") : ("b", "a")
        let pairs = there.key.map {
            "\(Cypher.quoted($0.property)): w.\(waitingName($0, side == .from ? .to : .from))"
        }
        return "UNWIND $rows AS r MATCH \(awaiting(side, "w")) \(node(own, here, at: 0))"
            + " OPTIONAL MATCH (\(other):\(Cypher.quoted(there.label)) {\(pairs.joined(separator: ", "))})"
            + " WITH w, a, b WHERE \(other) IS NOT NULL" + (sweeps ? " WITH w, a, b LIMIT $limit" : "")
            + " WITH collect({w: w, a: a, b: b, p: properties(w)}) AS found UNWIND found AS f"
            + " WITH f.w AS w, f.a AS a, f.b AS b, f.p AS p DELETE w WITH a, b, p"
            + " CREATE (a)-[o:\(Cypher.quoted(type))]->(b) SET o = p"
            + " SET \(waitingEndNames.map { "o.\($0) = null" }.joined(separator: ", "))"
            + (sweeps ? " RETURN count(*) AS deleted" : "")
    }

    /// The rows that wait for a node at that side. Row: key….
    func awaiting(_ side: Side, _ variable: String) -> String {
        let names = (side == .from ? from : to).key.enumerated().map { "\(waitingName($1, side)): r[\($0)]" }
        return "(\(variable):\(waiting) {\(names.joined(separator: ", "))})"
    }

    /// The relationships `o` of a node at that side. Row: key….
    func linked(_ side: Side, onlyGone: Bool = false) -> String {
        let (variable, end) = side == .from ? ("a", from) : ("b", to)
        let relationship = "[o:\(Cypher.quoted(type))]"
        return Cypher.node(variable, end.label, end.key, at: 0)
            + (onlyGone ? " WHERE \(variable).\(NodeMapping.goneMark) = true" : "") + " OPTIONAL MATCH "
            + (side == .from
                ? "(a)-\(relationship)->(b:\(Cypher.quoted(to.label)))"
                : "(b)<-\(relationship)-(a:\(Cypher.quoted(from.label)))")
            + " WITH a, o, b WHERE o IS NOT NULL"
    }

    /// Lets the relationships of nodes that go wait. Row: key…, of the node at that side.
    public func dismissStatement(_ side: Side) -> String { "UNWIND $rows AS r MATCH \(linked(side))\(waitInPlace)" }

    /// Lets some relationships of nodes wait that bear the mark of ``NodeMapping/markGoneStatement()``, and returns how many.
    /// Row: key…, of the node at that side.
    public func dismissGoneStatement(_ side: Side) -> String {
        "UNWIND $rows AS r MATCH \(linked(side, onlyGone: true))"
            + " WITH a, o, b LIMIT $limit\(waitInPlace) RETURN count(*) AS deleted"
    }

    /// Lets every relationship wait: for an end whose table is truncated. Takes no rows.
    public func dismissAllStatement() -> String { every + waitInPlace }

    /// Lets some relationships wait and returns how many.
    public func dismissSweepStatement() -> String {
        "\(every) WITH a, o, b LIMIT $limit\(waitInPlace) RETURN count(*) AS deleted"
    }

    /// Deletes every row that waits. Takes no rows.
    public func truncateWaitingStatement() -> String { "MATCH (w:\(waiting)) DELETE w" }

    /// Deletes some of the rows that wait and returns how many.
    public func waitingSweepStatement() -> String { Cypher.nodeSweep(waitingLabel) }

    /// How many rows wait. Answered from the server's counts.
    public func waitingQuery() -> String { "MATCH (w:\(waiting)) RETURN count(w)" }

    /// By which a row that waits is found: by its key, and by what it names at each end.
    var waitingConstraints: [GraphConstraint] {
        let (starts, ends) = (from.key.map { waitingProperty($0, .from) }, to.key.map { waitingProperty($0, .to) })
        let key = isKeyed ? ownKey.map(\.property) : starts + ends
        return [GraphMapping.uniqueness(name: "lockstep_key_\(waitingLabel)", label: waitingLabel, properties: key)]
            + [starts, ends].map {
                GraphMapping.index(name: "lockstep_waiting", label: waitingLabel, properties: $0)
            }
    }

    // MARK: Pieces

    /// Every relationship of the type between the two labels.
    var every: String {
        "MATCH (a:\(Cypher.quoted(from.label)))-[o:\(Cypher.quoted(type))]->(b:\(Cypher.quoted(to.label)))"
    }

    /// Behind a MATCH of `a`, `o` and `b`. All is read before anything is written.
    private var waitInPlace: String {
        func values(_ node: String, _ end: RelationshipEnd, _ side: Side) -> [String] {
            end.key.map { "\(waitingName($0, side)): \(node).\(Cypher.quoted($0.property))" }
        }
        let ends = values("a", from, .from) + values("b", to, .to)
        return " WITH collect({o: o, p: properties(o), e: {\(ends.joined(separator: ", "))}}) AS gone"
            + " UNWIND gone AS g WITH g.o AS o, g.p AS p, g.e AS e DELETE o WITH p, e"
            + " CREATE (w:\(waiting)) SET w = p SET \(waitingEndNames.map { "w.\($0) = e.\($0)" }.joined(separator: ", "))"
    }

    /// The key's properties, in backticks.
    var waitingKeyNames: [String] {
        isKeyed ? ownKey.map { Cypher.quoted($0.property) } : waitingEndNames
    }

    /// What a row that waits names at both ends, in backticks.
    private var waitingEndNames: [String] { waitingValues.map { Cypher.quoted($0.property) } }

    private var waitingKey: String {
        waitingKeyNames.enumerated().map { "\($1): r[\($0)]" }.joined(separator: ", ")
    }

    /// The ends' columns as properties of what waits.
    private var waitingValues: [PropertyMapping] {
        func named(_ part: PropertyMapping, _ side: Side) -> PropertyMapping {
            var part = part
            part.property = waitingProperty(part, side)
            return part
        }
        return from.key.map { named($0, .from) } + to.key.map { named($0, .to) }
    }

    private func waitingProperty(_ part: PropertyMapping, _ side: Side) -> String {
        "\(PropertyMapping.ownPrefix)\(side == .from ? "From" : "To")_\(part.property)"
    }

    private func waitingName(_ part: PropertyMapping, _ side: Side) -> String {
        Cypher.quoted(waitingProperty(part, side))
    }

    private func node(_ variable: String, _ end: RelationshipEnd, at position: Int) -> String {
        "MATCH \(Cypher.node(variable, end.label, end.key, at: position))"
    }
}
