// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL

// Cypher of somebody's own for rows. Its `row` is what the row's node has: `delete` comes before everything else, when that is
// as `upsert` saw it last, and `upsert` behind everything else.
extension BatchEncoder {
    func writeCustomUpsert(_ entity: Entity) {
        let program = programs[Int(entity.program)]
        guard program.runsCustomUpsert else { return }
        writeKey(entity, into: writer.custom(Int(entity.program), .upsert))
    }

    func writeCustomDelete(_ entity: Entity) {
        let program = programs[Int(entity.program)]
        guard program.runsCustomDelete else { return }
        writeKey(entity, into: writer.custom(Int(entity.program), .delete))
    }
}

extension TableProgram {
    /// In passes, what the statement may look for is there when the nodes are. Beside the stream it is there already, and a
    /// node must not stand there with what `upsert` has not seen: the row may go before the next pass.
    fileprivate var runsCustomUpsert: Bool {
        switch part {
        case .all, .relationships: custom != nil
        case .nodes: custom != nil && isUnsettled && !keepsNodes
        case .retractions, .departures: false
        }
    }

    /// In parts, before any node is written.
    fileprivate var runsCustomDelete: Bool { custom != nil && (part == .all || part == .retractions) }

    func customText(_ statement: CustomCypher.Statement) -> String {
        guard let custom, let own = custom.custom else { return "" }
        return custom.customStatement(statement, of: own, skipsGone: keepsNodes && statement == .upsert)
    }

    var customTruncateText: String? {
        guard let custom, let own = custom.custom else { return nil }
        return custom.customTruncateStatement(own)
    }
}
