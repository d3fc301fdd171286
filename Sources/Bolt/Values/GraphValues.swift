// Part of Lockstep. See LICENSE.

/// A node in a result: a copy, not a handle.
public struct BoltNode: Sendable, Hashable {
    public var id: Int64
    public var labels: [String]
    public var properties: [String: BoltValue]
    /// From Bolt 5.0; unique within the transaction that gave it, and not to be stored as a key.
    public var elementID: String?

    public init(id: Int64, labels: [String], properties: [String: BoltValue], elementID: String? = nil) {
        self.id = id
        self.labels = labels
        self.properties = properties
        self.elementID = elementID
    }
}

/// A relationship in a result.
public struct BoltRelationship: Sendable, Hashable {
    /// What a relationship is attached to.
    public struct Ends: Sendable, Hashable {
        public var startID: Int64
        public var endID: Int64
        /// From Bolt 5.0.
        public var startElementID: String?
        public var endElementID: String?

        public init(startID: Int64, endID: Int64, startElementID: String? = nil, endElementID: String? = nil) {
            self.startID = startID
            self.endID = endID
            self.startElementID = startElementID
            self.endElementID = endElementID
        }
    }

    public var id: Int64
    public var type: String
    public var properties: [String: BoltValue]
    /// From Bolt 5.0.
    public var elementID: String?
    /// Nil in a path, whose indices say what is attached to what.
    public var ends: Ends?

    public init(
        id: Int64, type: String, properties: [String: BoltValue], elementID: String? = nil, ends: Ends? = nil
    ) {
        self.id = id
        self.type = type
        self.properties = properties
        self.elementID = elementID
        self.ends = ends
    }
}

/// A path in a result, as the wire has it: each node and relationship once, and the way through them.
public struct BoltPath: Sendable, Hashable {
    /// Without duplicates; the path begins at the first.
    public var nodes: [BoltNode]
    /// Without duplicates and without ends.
    public var relationships: [BoltRelationship]
    /// Pairs: a relationship, counted from 1, negative when it is walked against its direction; then the node reached,
    /// counted from 0.
    public var indices: [Int64]

    public init(nodes: [BoltNode], relationships: [BoltRelationship], indices: [Int64]) {
        self.nodes = nodes
        self.relationships = relationships
        self.indices = indices
    }
}

/// A point in two or three dimensions.
public struct BoltPoint: Sendable, Hashable {
    /// The coordinate system: 4326 and 4979 are WGS 84, 7203 and 9157 Cartesian.
    public var srid: Int64
    public var x: Double
    public var y: Double
    public var z: Double?

    public init(srid: Int64, x: Double, y: Double, z: Double? = nil) {
        self.srid = srid
        self.x = x
        self.y = y
        self.z = z
    }
}

/// A vector of numbers of one type.
public struct BoltVector: Sendable, Hashable {
    /// The type of the elements, by the PackStream marker that stands for it.
    public enum Element: UInt8, Sendable, Hashable {
        case int8 = 0xC8
        case int16 = 0xC9
        case int32 = 0xCA
        case int64 = 0xCB
        case float32 = 0xC6
        case float64 = 0xC1

        /// Bytes of one element.
        public var byteCount: Int {
            switch self {
            case .int8: 1
            case .int16: 2
            case .int32, .float32: 4
            case .int64, .float64: 8
            }
        }
    }

    public var element: Element
    /// The elements one after the other, big endian.
    public var data: [UInt8]

    public init(element: Element, data: [UInt8]) {
        precondition(data.count % element.byteCount == 0, "a vector's data has to be whole elements")
        self.element = element
        self.data = data
    }
}

/// What a server sends in place of a value that the version agreed on has no form for.
public struct BoltUnsupportedType: Sendable, Hashable {
    /// The type's name.
    public var name: String
    /// The protocol that can carry it, if any.
    public var minimumVersion: BoltVersion
    /// What the server has to say about it.
    public var message: String?

    public init(name: String, minimumVersion: BoltVersion, message: String? = nil) {
        self.name = name
        self.minimumVersion = minimumVersion
        self.message = message
    }
}
