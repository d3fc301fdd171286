// Part of Lockstep. See LICENSE.

extension PackStreamBuffer {
    /// Appends a value of any type.
    ///
    /// Date-times go in the UTC form of Bolt 5 (of Bolt 4.4 with the `utc` patch, which every 4.4 server accepts). The
    /// order of a map's keys is not specified.
    ///
    /// - Precondition: A structure has at most 15 fields.
    public mutating func append(_ value: BoltValue) {
        switch value {
        case .null: appendNull()
        case .boolean(let value): append(value)
        case .integer(let value): append(value)
        case .float(let value): append(value)
        case .string(let value): append(value)
        case .bytes(let value): append(bytes: value)
        case .list(let values): append(list: values)
        case .map(let map): append(map)
        case .date, .localTime, .time, .localDateTime, .dateTime, .dateTimeZone, .duration: append(temporal: value)
        case .point(let point): append(point)
        case .node(let node): append(node)
        case .relationship(let relationship): append(relationship)
        case .path(let path): append(path)
        case .vector(let vector):
            appendStructureHeader(tag: StructureTag.vector, fields: 2)
            append(bytes: [vector.element.rawValue])
            append(bytes: vector.data)
        case .uuid(let high, let low):
            reserve(17)
            put(0xE0 as UInt8)
            put(high.bigEndian)
            put(low.bigEndian)
        case .unsupported(let type): append(type)
        case .structure(let tag, let fields):
            appendStructureHeader(tag: tag, fields: fields.count)
            for field in fields { append(field) }
        }
    }

    /// Appends a map. The order of the keys is not specified.
    public mutating func append(_ map: [String: BoltValue]) {
        appendMapHeader(map.count)
        for (key, value) in map {
            append(key)
            append(value)
        }
    }

    mutating func append(list values: [BoltValue]) {
        appendListHeader(values.count)
        for value in values { append(value) }
    }

    mutating func append(bytes: [UInt8]) { unsafe appendBytes(bytes.span.bytes) }

    private mutating func append(temporal value: BoltValue) {
        switch value {
        case .date(let days):
            append(StructureTag.date, days)
        case .localTime(let nanoseconds):
            append(StructureTag.localTime, nanoseconds)
        case .time(let nanoseconds, let offsetSeconds):
            append(StructureTag.time, nanoseconds, Int64(offsetSeconds))
        case .localDateTime(let seconds, let nanoseconds):
            append(StructureTag.localDateTime, seconds, Int64(nanoseconds))
        case .dateTime(let seconds, let nanoseconds, let offsetSeconds):
            append(StructureTag.dateTime, seconds, Int64(nanoseconds), Int64(offsetSeconds))
        case .dateTimeZone(let seconds, let nanoseconds, let zone):
            appendStructureHeader(tag: StructureTag.dateTimeZone, fields: 3)
            append(seconds)
            append(Int64(nanoseconds))
            append(zone)
        case .duration(let months, let days, let seconds, let nanoseconds):
            append(StructureTag.duration, months, days, seconds, Int64(nanoseconds))
        default: preconditionFailure("not a temporal value")
        }
    }

    private mutating func append(_ tag: UInt8, _ fields: Int64...) {
        appendStructureHeader(tag: tag, fields: fields.count)
        for field in fields { append(field) }
    }

    private mutating func append(_ point: BoltPoint) {
        appendStructureHeader(
            tag: point.z == nil ? StructureTag.point2D : StructureTag.point3D, fields: point.z == nil ? 3 : 4)
        append(point.srid)
        append(point.x)
        append(point.y)
        if let z = point.z { append(z) }
    }

    // Servers take no graph values as parameters; these are for servers of our own, in tests and tools.

    private mutating func append(_ node: BoltNode) {
        appendStructureHeader(tag: StructureTag.node, fields: node.elementID == nil ? 3 : 4)
        append(node.id)
        append(list: node.labels.map { .string($0) })
        append(node.properties)
        if let elementID = node.elementID { append(elementID) }
    }

    private mutating func append(_ relationship: BoltRelationship) {
        guard let ends = relationship.ends else {
            appendStructureHeader(
                tag: StructureTag.unboundRelationship, fields: relationship.elementID == nil ? 3 : 4)
            append(relationship.id)
            append(relationship.type)
            append(relationship.properties)
            if let elementID = relationship.elementID { append(elementID) }
            return
        }
        appendStructureHeader(tag: StructureTag.relationship, fields: relationship.elementID == nil ? 5 : 8)
        append(relationship.id)
        append(ends.startID)
        append(ends.endID)
        append(relationship.type)
        append(relationship.properties)
        if let elementID = relationship.elementID {
            append(elementID)
            append(ends.startElementID ?? "")
            append(ends.endElementID ?? "")
        }
    }

    private mutating func append(_ path: BoltPath) {
        appendStructureHeader(tag: StructureTag.path, fields: 3)
        append(list: path.nodes.map { .node($0) })
        append(list: path.relationships.map { .relationship($0) })
        append(list: path.indices.map { .integer($0) })
    }

    private mutating func append(_ type: BoltUnsupportedType) {
        appendStructureHeader(tag: StructureTag.unsupported, fields: 4)
        append(type.name)
        append(Int64(type.minimumVersion.major))
        append(Int64(type.minimumVersion.minor))
        append(type.message.map { ["message": .string($0)] } ?? [:])
    }
}

extension [UInt8] {
    public init(copying bytes: RawSpan) { self = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) } }

    /// Values one behind the other, as PackStream.
    public init(packing values: [BoltValue]) {
        var out = PackStreamBuffer()
        for value in values { out.append(value) }
        self.init(copying: out.bytes)
    }
}

extension BoltValue {
    /// The values that stand one behind the other in bytes that were packed here.
    public static func unpacked(_ bytes: [UInt8]) -> [BoltValue] {
        var reader = unsafe PackStreamReader(bytes.span.bytes)
        var values: [BoltValue] = []
        do throws(PackStreamError) {
            while !reader.isAtEnd { values.append(try reader.readValue()) }
        } catch {
            preconditionFailure("what was just packed cannot be read: \(error)")
        }
        return values
    }
}
