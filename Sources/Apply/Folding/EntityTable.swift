// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping

/// A key of a table, and what the changes of a segment leave at it.
///
/// Keys are places: a foreign key names one, whoever holds it. Rows come to a place, leave it, and move between places.
struct Entity {
    /// ``row`` of a place whose row this segment has not seen.
    static let unknownRow = UInt32.max

    let program: Int32
    let keyOffset: UInt32
    let keyLength: UInt32
    let hash: UInt64
    /// There was a row here when the segment began.
    var existed = false
    /// There is one now.
    var isPresent = false
    /// The place that the row was at when the segment began, as an index into the entities; -1 for a row that is new.
    var origin: Int32 = -1
    /// Index into the buffer's fields of the tuple that holds now.
    var row = unknownRow
    /// Bit i: the relationship of reference i may have changed (the last bit stands for all references from 63 on).
    var references: UInt64 = 0
    /// Its node, or the relationship of its join row, is taken to another place: it is not to be deleted here.
    var isTakenAlong = false
    /// Where equal rows are counted: by how much there are more of them now.
    var difference: Int64 = 0
}

/// The entities that a segment has touched, found by table and key. Keys are PackStream bytes in one arena.
///
/// Open addressing over dense entities: looking one up allocates nothing once the storage has grown.
struct EntityTable: ~Copyable {
    private(set) var entities: ContiguousArray<Entity> = []
    private(set) var keys = PackStreamBuffer(capacity: 1 << 16)
    private var slots: ContiguousArray<Int32> = .init(repeating: -1, count: 1 << 10)
    /// Keys come from users: without it somebody could choose ones that collide.
    let seed = UInt64.random(in: .min ... .max)

    var isEmpty: Bool { entities.isEmpty }

    subscript(index: Int) -> Entity {
        get { entities[index] }
        set { entities[index] = newValue }
    }

    /// Appends an entity's key, one value for each of its columns.
    func appendKey(of entity: Entity, to out: inout PackStreamBuffer) {
        out.appendRaw(keys.bytes.extracting(Int(entity.keyOffset)..<Int(entity.keyOffset + entity.keyLength)))
    }

    mutating func removeAll() {
        guard !entities.isEmpty else { return }
        // A table that one huge segment grew is not cleared for ever after.
        if slots.count > 1 << 16 && entities.count < slots.count / 16 {
            slots = .init(repeating: -1, count: 1 << 10)
        } else {
            for index in slots.indices { slots[index] = -1 }
        }
        entities.removeAll(keepingCapacity: true)
        keys.removeAll()
    }

    /// The entity of a table whose key was just encoded behind `keyStart` of ``keys``.
    ///
    /// - Returns: Its index, and whether it was there; where it was, the encoded key is taken back.
    mutating func findOrInsert(program: Int32, table: Int, keyStart: Int) -> (index: Int, found: Bool) {
        let length = keys.count - keyStart
        let hash = Self.hash(
            keys.bytes.extracting(keyStart..<keys.count), seed: seed &+ UInt64(truncatingIfNeeded: table))
        if (entities.count + 1) * 2 > slots.count { growSlots() }
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            let candidate = entities[index]
            if candidate.hash == hash, Int(candidate.keyLength) == length,
                sameBytes(Int(candidate.keyOffset), keyStart, length)
            {
                keys.truncate(to: keyStart)
                return (index, true)
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = Int32(entities.count)
        entities.append(
            Entity(
                program: program, keyOffset: UInt32(keyStart), keyLength: UInt32(length), hash: hash))
        return (entities.count - 1, false)
    }

    /// Where a key is to be encoded for ``findOrInsert(program:table:keyStart:)``.
    mutating func withKeys<Result, Failure: Error>(
        _ body: (inout PackStreamBuffer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(&keys)
    }

    private mutating func growSlots() {
        slots = .init(repeating: -1, count: slots.count * 2)
        for (index, entity) in entities.enumerated() {
            var slot = Int(truncatingIfNeeded: entity.hash) & (slots.count - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Int32(index)
        }
    }

    private func sameBytes(_ a: Int, _ b: Int, _ length: Int) -> Bool {
        let bytes = keys.bytes
        for index in 0..<length
        where unsafe bytes.unsafeLoad(fromUncheckedByteOffset: a + index, as: UInt8.self)
            != bytes.unsafeLoad(fromUncheckedByteOffset: b + index, as: UInt8.self)
        {
            return false
        }
        return true
    }

    /// Of a value of a tuple; none where there is no value.
    static func hash(_ field: Field, _ bytes: RawSpan, seed: UInt64) -> UInt64 {
        let start = Int(field.offset)
        let isThere = field.kind == .text || field.kind == .binary
        return hash(
            bytes.extracting(start..<start + (isThere ? Int(field.length) : 0)), seed: seed &+ (isThere ? 1 : 0))
    }

    /// Multiply and shift, eight bytes at a time. The seed has the table in it: equal keys of two tables are two entities.
    static func hash(_ bytes: RawSpan, seed: UInt64) -> UInt64 {
        var hash = 0xcbf2_9ce4_8422_2325 ^ (seed &* 0x9e37_79b9_7f4a_7c15)
        var index = 0
        while index + 8 <= bytes.byteCount {
            let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
            hash = (hash ^ word) &* 0x9fb2_1c65_1e98_df25
            hash ^= hash >> 32
            index += 8
        }
        while index < bytes.byteCount {
            let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
            index += 1
        }
        hash ^= hash >> 29
        hash = hash &* 0xbf58_476d_1ce4_e5b9
        return hash ^ (hash >> 32)
    }
}
