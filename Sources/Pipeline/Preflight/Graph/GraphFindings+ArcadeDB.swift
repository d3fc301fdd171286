// Part of Lockstep. See LICENSE.

internal import Mapping

extension GraphFindings {
    /// What ArcadeDB cannot keep, and Neo4j can.
    static func arcadeDB(_ mapping: GraphMapping) -> [PreflightFinding] { zonedKeys(mapping) + changingLabels(mapping) }

    /// ArcadeDB makes another node of one whose labels change, and that meets itself in the uniqueness constraint.
    private static func changingLabels(_ mapping: GraphMapping) -> [PreflightFinding] {
        mapping.nodes.filter { !$0.conditionalLabels.isEmpty }.map { node in
            PreflightFinding(
                .error, .graph,
                "labels of \(node.table) depend on a column, and ArcadeDB cannot change a node's labels",
                fix: "map \(node.conditionalLabels[0].test.column) as a property, or use Neo4j")
        }
    }
}
