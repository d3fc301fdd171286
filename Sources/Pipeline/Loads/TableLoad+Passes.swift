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
        } else if mapping.node(of: request.table) != nil {
            pass = .nodes
        } else {
            // There is nothing yet that a first read could leave over.
            pass = request.reason == .firstRead ? .relationships : .leftovers
        }
        let size = plan.reduce(Int64(0)) { $0 + Int64($1.blocks) }
        let passes = [pass == .nodes, hasRelationships(mapping)].filter(\.self).count
        totalBlocks = size * Int64(passes)
    }

    /// Goes on to its next pass.
    mutating func endPass(_ mapping: GraphMapping) {
        switch pass {
        case .nodes where request.reason != .firstRead && request.reason != .added: pass = .leftovers
        case .nodes, .leftovers: pass = hasRelationships(mapping) ? .relationships : .settling
        default: pass = .settling
        }
        heaps = []
    }

    private func hasRelationships(_ mapping: GraphMapping) -> Bool {
        TableRead(request.table, .relationships, mapping) != nil
    }
}
