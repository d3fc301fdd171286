// Part of Lockstep. See LICENSE.

internal import Mapping

extension GraphFindings {
    /// What ArcadeDB cannot keep, and Neo4j can.
    static func arcadeDB(_ mapping: GraphMapping) -> [PreflightFinding] { zonedKeys(mapping) + changingLabels(mapping) }

    /// ArcadeDB makes another node of one whose labels change, and that meets itself in the uniqueness constraint. A
    /// label behind the first is a change, too: `MERGE` finds the node by the first.
    private static func changingLabels(_ mapping: GraphMapping) -> [PreflightFinding] {
        mapping.nodes.compactMap { node in
            let columns = node.conditionalLabels.map(\.test.column) + node.lookups.flatMap(\.labels).map(\.test.column)
            return if let column = columns.first {
                PreflightFinding(
                    .error, .graph,
                    "labels of \(node.table) depend on a column, and ArcadeDB cannot change a node's labels",
                    fix: "map \(column) as a property, or use Neo4j")
            } else if node.labels.count > 1 {
                PreflightFinding(
                    .error, .graph, "\(node.table) has several labels, and ArcadeDB cannot give a node another one",
                    fix: "leave it \(node.label), or use Neo4j")
            } else {
                nil
            }
        }
    }
}
