// Part of Lockstep. See LICENSE.

extension PackStreamReader {
    /// Reads a structure as the value it stands for, or as a plain structure where its tag or shape is not known: such
    /// a value spoils nothing but itself.
    mutating func readStructure(depth: Int) throws(PackStreamError) -> BoltValue {
        let (tag, count) = try readStructureHeader()
        let start = position
        if let value = try readScalarStructure(tag: tag, count: count) { return value }
        rewind(to: start)
        let fields = try readValues(count, depth: depth)
        return graphValue(tag: tag, fields: fields) ?? .structure(tag: tag, fields: fields)
    }

    /// Reads temporal values, points and vectors without a list of fields in between.
    ///
    /// - Returns: Nil, at an unspecified position, where it is none of these.
    private mutating func readScalarStructure(tag: UInt8, count: Int) throws(PackStreamError) -> BoltValue? {
        switch (tag, count) {
        case (StructureTag.date, 1):
            guard let days = try readIntegerIfPresent() else { return nil }
            return .date(days: days)
        case (StructureTag.localTime, 1):
            guard let nanoseconds = try readIntegerIfPresent() else { return nil }
            return .localTime(nanoseconds: nanoseconds)
        case (StructureTag.time, 2):
            guard let nanoseconds = try readIntegerIfPresent(), let offset = try readInt32IfPresent() else {
                return nil
            }
            return .time(nanoseconds: nanoseconds, offsetSeconds: offset)
        case (StructureTag.localDateTime, 2):
            guard let (seconds, nanoseconds) = try readInstantIfPresent() else { return nil }
            return .localDateTime(seconds: seconds, nanoseconds: nanoseconds)
        case (StructureTag.dateTime, 3), (StructureTag.legacyDateTime, 3):
            guard let (seconds, nanoseconds) = try readInstantIfPresent(), let offset = try readInt32IfPresent()
            else { return nil }
            if tag == StructureTag.dateTime {
                return .dateTime(seconds: seconds, nanoseconds: nanoseconds, offsetSeconds: offset)
            }
            let (utc, overflow) = seconds.subtractingReportingOverflow(Int64(offset))
            return overflow ? nil : .dateTime(seconds: utc, nanoseconds: nanoseconds, offsetSeconds: offset)
        case (StructureTag.dateTimeZone, 3):
            guard let (seconds, nanoseconds) = try readInstantIfPresent(), let zone = try readStringIfPresent()
            else { return nil }
            return .dateTimeZone(seconds: seconds, nanoseconds: nanoseconds, zone: zone)
        case (StructureTag.duration, 4):
            guard let months = try readIntegerIfPresent(), let days = try readIntegerIfPresent(),
                let (seconds, nanoseconds) = try readInstantIfPresent()
            else { return nil }
            return .duration(months: months, days: days, seconds: seconds, nanoseconds: nanoseconds)
        case (StructureTag.point2D, 3), (StructureTag.point3D, 4):
            guard let srid = try readIntegerIfPresent(), let x = try readFloatIfPresent(),
                let y = try readFloatIfPresent()
            else { return nil }
            guard tag == StructureTag.point3D else { return .point(BoltPoint(srid: srid, x: x, y: y)) }
            guard let z = try readFloatIfPresent() else { return nil }
            return .point(BoltPoint(srid: srid, x: x, y: y, z: z))
        case (StructureTag.vector, 2):
            return try readVectorIfPresent()
        default:
            return nil
        }
    }

    private mutating func readInt32IfPresent() throws(PackStreamError) -> Int32? {
        guard let value = try readIntegerIfPresent() else { return nil }
        return Int32(exactly: value)
    }

    private mutating func readInstantIfPresent() throws(PackStreamError) -> (seconds: Int64, nanoseconds: Int32)? {
        guard let seconds = try readIntegerIfPresent(), let nanoseconds = try readInt32IfPresent() else { return nil }
        return (seconds, nanoseconds)
    }

    private mutating func readVectorIfPresent() throws(PackStreamError) -> BoltValue? {
        guard try nextKind() == .bytes else { return nil }
        let type = try readBytes()
        guard type.byteCount == 1, try nextKind() == .bytes else { return nil }
        guard let element = BoltVector.Element(rawValue: unsafe type.unsafeLoad(as: UInt8.self)) else { return nil }
        let data = try readBytes()
        guard data.byteCount % element.byteCount == 0 else { return nil }
        return .vector(BoltVector(element: element, data: unsafe data.withUnsafeBytes { unsafe Array($0) }))
    }
}

/// Nodes, relationships, paths and unsupported values; nil where the fields are not what these have.
private func graphValue(tag: UInt8, fields: [BoltValue]) -> BoltValue? {
    switch tag {
    case StructureTag.node: node(fields).map { .node($0) }
    case StructureTag.relationship: relationship(fields).map { .relationship($0) }
    case StructureTag.unboundRelationship: unboundRelationship(fields).map { .relationship($0) }
    case StructureTag.path: path(fields).map { .path($0) }
    case StructureTag.unsupported: unsupported(fields).map { .unsupported($0) }
    default: nil
    }
}

private func node(_ fields: [BoltValue]) -> BoltNode? {
    guard fields.count == 3 || fields.count == 4, let id = fields[0].integerValue,
        let labels = fields[1].listValue.flatMap({ all($0, \.stringValue) }), let properties = fields[2].mapValue
    else { return nil }
    guard fields.count == 4 else { return BoltNode(id: id, labels: labels, properties: properties) }
    guard let elementID = fields[3].stringValue else { return nil }
    return BoltNode(id: id, labels: labels, properties: properties, elementID: elementID)
}

private func relationship(_ fields: [BoltValue]) -> BoltRelationship? {
    guard fields.count == 5 || fields.count == 8, let id = fields[0].integerValue,
        let start = fields[1].integerValue, let end = fields[2].integerValue,
        let type = fields[3].stringValue, let properties = fields[4].mapValue
    else { return nil }
    var relationship = BoltRelationship(
        id: id, type: type, properties: properties, ends: .init(startID: start, endID: end))
    guard fields.count == 8 else { return relationship }
    guard let elementID = fields[5].stringValue, let startElementID = fields[6].stringValue,
        let endElementID = fields[7].stringValue
    else { return nil }
    relationship.elementID = elementID
    relationship.ends?.startElementID = startElementID
    relationship.ends?.endElementID = endElementID
    return relationship
}

private func unboundRelationship(_ fields: [BoltValue]) -> BoltRelationship? {
    guard fields.count == 3 || fields.count == 4, let id = fields[0].integerValue,
        let type = fields[1].stringValue, let properties = fields[2].mapValue
    else { return nil }
    guard fields.count == 4 else { return BoltRelationship(id: id, type: type, properties: properties) }
    guard let elementID = fields[3].stringValue else { return nil }
    return BoltRelationship(id: id, type: type, properties: properties, elementID: elementID)
}

private func path(_ fields: [BoltValue]) -> BoltPath? {
    guard fields.count == 3, let nodes = fields[0].listValue.flatMap({ all($0, \.nodeValue) }),
        let relationships = fields[1].listValue.flatMap({ all($0, \.relationshipValue) }),
        let indices = fields[2].listValue.flatMap({ all($0, \.integerValue) })
    else { return nil }
    return BoltPath(nodes: nodes, relationships: relationships, indices: indices)
}

private func unsupported(_ fields: [BoltValue]) -> BoltUnsupportedType? {
    guard fields.count == 4, let name = fields[0].stringValue,
        let major = fields[1].integerValue.flatMap({ UInt8(exactly: $0) }),
        let minor = fields[2].integerValue.flatMap({ UInt8(exactly: $0) }), let extra = fields[3].mapValue
    else { return nil }
    return BoltUnsupportedType(
        name: name, minimumVersion: BoltVersion(major, minor), message: extra["message"]?.stringValue)
}

/// Every value taken as one type; nil when one of them is of another.
private func all<Value>(_ values: [BoltValue], _ take: (BoltValue) -> Value?) -> [Value]? {
    var taken: [Value] = []
    taken.reserveCapacity(values.count)
    for value in values {
        guard let one = take(value) else { return nil }
        taken.append(one)
    }
    return taken
}
