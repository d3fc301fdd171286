// Part of Lockstep. See LICENSE.

// A server of 4.x that did not accept the `utc` patch counts a date-time's seconds as its clock shows them.

extension BoltValue {
    /// The value with each date-time in the form such a server takes.
    ///
    /// A date-time whose zone the system does not know is left alone, and the server refuses it.
    var withLegacyTimes: BoltValue {
        switch self {
        case .dateTime(let seconds, let nanoseconds, let offset):
            .structure(
                tag: StructureTag.legacyDateTime,
                fields: [
                    .integer(seconds &+ Int64(offset)), .integer(Int64(nanoseconds)), .integer(Int64(offset)),
                ])
        case .dateTimeZone(let seconds, let nanoseconds, let name):
            ZoneDatabase.zone(name).map { zone in
                .structure(
                    tag: StructureTag.legacyDateTimeZone,
                    fields: [
                        .integer(seconds &+ zone.offset(at: seconds)), .integer(Int64(nanoseconds)), .string(name),
                    ])
            } ?? self
        case .list(let values): .list(values.map(\.withLegacyTimes))
        case .map(let values): .map(values.mapValues(\.withLegacyTimes))
        default: self
        }
    }

    /// The value with each date-time of such a server that has a named zone in UTC; those with an offset are already.
    ///
    /// One whose zone the system does not know stays a plain structure.
    var withUTCTimes: BoltValue {
        switch self {
        case .structure(StructureTag.legacyDateTimeZone, let fields): Self.zoned(legacy: fields) ?? self
        case .list(let values): .list(values.map(\.withUTCTimes))
        case .map(let values): .map(values.mapValues(\.withUTCTimes))
        case .node, .relationship, .path: withUTCProperties
        default: self
        }
    }

    private var withUTCProperties: BoltValue {
        switch self {
        case .node(var node):
            node.inUTC()
            return .node(node)
        case .relationship(var relationship):
            relationship.inUTC()
            return .relationship(relationship)
        case .path(var path):
            for index in path.nodes.indices { path.nodes[index].inUTC() }
            for index in path.relationships.indices { path.relationships[index].inUTC() }
            return .path(path)
        default: return self
        }
    }

    private static func zoned(legacy fields: [BoltValue]) -> BoltValue? {
        guard fields.count == 3, let local = fields[0].integerValue,
            let nanoseconds = fields[1].integerValue.flatMap({ Int32(exactly: $0) }), let name = fields[2].stringValue,
            let zone = ZoneDatabase.zone(name)
        else { return nil }
        return .dateTimeZone(seconds: local &- zone.offset(atLocal: local), nanoseconds: nanoseconds, zone: name)
    }
}

extension BoltNode {
    fileprivate mutating func inUTC() { properties = properties.mapValues(\.withUTCTimes) }
}

extension BoltRelationship {
    fileprivate mutating func inUTC() { properties = properties.mapValues(\.withUTCTimes) }
}

extension TransactionExtra {
    func with(legacyTimes: Bool) -> TransactionExtra {
        guard legacyTimes else { return self }
        var extra = self
        extra.metadata = metadata.mapValues(\.withLegacyTimes)
        return extra
    }
}
