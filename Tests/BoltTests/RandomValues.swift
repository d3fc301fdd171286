// Part of Lockstep. See LICENSE.

@testable import Bolt

/// A small generator with a seed, so that a failure can be run again.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension BoltValue {
    enum Scalars { case parameters, all }

    /// - Parameter scalars: `parameters` for what every server takes and gives back as it was.
    static func random(using random: inout SplitMix, depth: Int, scalars: Scalars) -> BoltValue {
        let kinds = depth == 0 ? 0...5 : 0...(scalars == .all ? 18 : 7)
        switch Int.random(in: kinds, using: &random) {
        case 0: return .null
        case 1: return .boolean(Bool.random(using: &random))
        case 2: return .integer(randomInteger(using: &random))
        case 3: return .float(Double.random(in: -1e9...1e9, using: &random))
        case 4: return .string(randomString(using: &random))
        case 5:
            return .bytes((0..<randomSize(using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
        case 6:
            return .list(
                (0..<randomSize(using: &random) % 40).map { _ in
                    Self.random(using: &random, depth: depth - 1, scalars: scalars)
                })
        case 7: return .map(randomMap(using: &random, depth: depth, scalars: scalars))
        case 8: return .date(days: randomInteger(using: &random))
        case 9: return .localTime(nanoseconds: randomInteger(using: &random))
        case 10: return .time(nanoseconds: randomInteger(using: &random), offsetSeconds: randomInt32(using: &random))
        case 11:
            return .localDateTime(seconds: randomInteger(using: &random), nanoseconds: randomInt32(using: &random))
        case 12:
            return .dateTime(
                seconds: randomInteger(using: &random), nanoseconds: randomInt32(using: &random),
                offsetSeconds: randomInt32(using: &random))
        case 13:
            return .dateTimeZone(
                seconds: randomInteger(using: &random), nanoseconds: randomInt32(using: &random),
                zone: randomString(using: &random))
        case 14:
            return .duration(
                months: randomInteger(using: &random), days: randomInteger(using: &random),
                seconds: randomInteger(using: &random), nanoseconds: randomInt32(using: &random))
        case 15:
            return .point(
                BoltPoint(
                    srid: randomInteger(using: &random), x: Double.random(in: -180...180, using: &random), y: 0,
                    z: Bool.random(using: &random) ? 3 : nil))
        case 16: return .uuid(high: random.next(), low: random.next())
        case 17: return .vector(BoltVector(element: .int16, data: [0, 1, 0xFF, 0xFE]))
        default:
            let elementID = Bool.random(using: &random) ? randomString(using: &random) : nil
            let node = BoltNode(
                id: randomInteger(using: &random), labels: ["A", randomString(using: &random)],
                properties: randomMap(using: &random, depth: depth, scalars: scalars), elementID: elementID)
            let relationship = BoltRelationship(
                id: randomInteger(using: &random), type: "T",
                properties: randomMap(using: &random, depth: depth, scalars: scalars), elementID: elementID)
            switch Int.random(in: 0...3, using: &random) {
            case 0: return .node(node)
            case 1:
                var attached = relationship
                attached.ends = .init(startID: 1, endID: randomInteger(using: &random))
                attached.ends?.startElementID = elementID
                attached.ends?.endElementID = elementID
                return .relationship(attached)
            case 2: return .path(BoltPath(nodes: [node, node], relationships: [relationship], indices: [1, 1]))
            default:
                // A tag that stands for nothing.
                return .structure(tag: 0x21, fields: [.node(node), .list([.relationship(relationship)])])
            }
        }
    }

    /// Every width and every boundary between two.
    static func randomInteger(using random: inout SplitMix) -> Int64 {
        let bits = Int64.random(in: 0...63, using: &random)
        let near = Int64.random(in: -2...2, using: &random)
        let power = Int64(bitPattern: UInt64(1) << UInt64(bits))
        return (Bool.random(using: &random) ? power : 0 &- power) &+ near
    }

    private static func randomInt32(using random: inout SplitMix) -> Int32 {
        Int32(truncatingIfNeeded: randomInteger(using: &random))
    }

    private static func randomSize(using random: inout SplitMix) -> Int {
        switch Int.random(in: 0...9, using: &random) {
        case 0: Int.random(in: 250...260, using: &random)
        case 1...4: Int.random(in: 14...17, using: &random)
        default: Int.random(in: 0...5, using: &random)
        }
    }

    private static func randomString(using random: inout SplitMix) -> String {
        String((0..<randomSize(using: &random)).map { _ in "aZ0 ßé漢🙂'`\\\u{0}\n".randomElement(using: &random)! })
    }

    private static func randomMap(
        using random: inout SplitMix, depth: Int, scalars: Scalars
    ) -> [String: BoltValue] {
        var map: [String: BoltValue] = [:]
        for _ in 0..<randomSize(using: &random) % 20 {
            map[randomString(using: &random)] = Self.random(using: &random, depth: depth - 1, scalars: scalars)
        }
        return map
    }
}
