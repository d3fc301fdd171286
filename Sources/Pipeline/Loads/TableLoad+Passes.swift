// Part of Lockstep. See LICENSE.

internal import Apply
internal import Capture
internal import Mapping

// The passes of a load, in a first read and beside the stream.
extension TableLoad {
    /// Sets it to its first pass.
    mutating func begin(over plan: [TableHeap], _ mapping: GraphMapping) {
        if request.reason == .refers {
            pass = .relationships
        } else if let node = mapping.node(of: request.table) {
            pass = node.distinct != nil && request.reason != .firstRead ? .counts : .nodes
        } else {
            // There is nothing yet that a first read could leave over.
            pass = request.reason == .firstRead ? .relationships : .leftovers
        }
        let size = plan.reduce(Int64(0)) { $0 + Int64($1.blocks) }
        let passes = [pass == .nodes || pass == .counts, hasRelationships(mapping)].filter(\.self).count
        totalBlocks = size * Int64(passes)
    }

    /// Goes on to its next pass.
    mutating func endPass(_ mapping: GraphMapping) {
        switch pass {
        case .nodes where request.reason != .firstRead && request.reason != .added: pass = .leftovers
        case .counts, .nodes, .leftovers: pass = hasRelationships(mapping) ? .relationships : .settling
        default: pass = .settling
        }
        heaps = []
    }

    /// Goes back where an earlier attempt has begun by a mapping that made something else of the table.
    mutating func refit(_ mapping: GraphMapping) {
        guard let now = pass, request.reason != .refers, request.reason != .firstRead else { return }
        let isCounted = mapping.isReadInOnePiece(request.table)
        guard isCounted ? now == .nodes || now == .leftovers : now == .counts else { return }
        begin(over: [], mapping)
        (heaps, counted) = ([], nil)
    }

    private func hasRelationships(_ mapping: GraphMapping) -> Bool {
        TableRead(request.table, .relationships, mapping) != nil
    }
}
