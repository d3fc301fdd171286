// Part of Lockstep. See LICENSE.

import Bolt

/// A shape of rows for ``PackStreamBenchmark``: a list of values, made from a number.
protocol PackStreamRow {
    static var title: String { get }
    static var valueCount: Int { get }
    static func value(_ number: Int) -> BoltValue
    /// Appends what ``value(_:)`` is on the wire.
    static func append(_ number: Int, to buffer: inout PackStreamBuffer)
    /// Reads a row without making values of it.
    static func read(_ reader: inout PackStreamReader, _ sum: inout UInt64) throws(PackStreamError)
}

/// What a query about a few columns gives.
enum ShortRow: PackStreamRow {
    static let title = "integer, short string, float, boolean"
    static let valueCount = 4
    private static let name: StaticString = "a short name"

    static func value(_ number: Int) -> BoltValue {
        [
            .integer(Int64(number)), .string(name.description), .float(Double(number) * 0.5),
            .boolean(number % 2 == 0),
        ]
    }

    static func append(_ number: Int, to buffer: inout PackStreamBuffer) {
        buffer.appendListHeader(4)
        buffer.append(Int64(number))
        buffer.append(static: name)
        buffer.append(Double(number) * 0.5)
        buffer.append(number % 2 == 0)
    }

    static func read(_ reader: inout PackStreamReader, _ sum: inout UInt64) throws(PackStreamError) {
        sum &+= UInt64(try reader.readListHeader())
        sum &+= UInt64(try reader.readInteger())
        sum &+= UInt64(try reader.readStringBytes().byteCount)
        sum &+= UInt64(try reader.readFloat())
        if try reader.readBoolean() { sum &+= 1 }
    }
}

/// A table's row: keys, texts that do not fit into a `String` itself, a time, a null.
enum LongRow: PackStreamRow {
    static let title = "two integers, two texts of 40 bytes, date-time, float, boolean, null"
    static let valueCount = 8
    private static let text: StaticString = "forty bytes of text that stay forty long"

    static func value(_ number: Int) -> BoltValue {
        [
            .integer(Int64(number)), .integer(Int64(number) << 20), .string(text.description),
            .string(text.description),
            .dateTime(seconds: 1_700_000_000 + Int64(number), nanoseconds: 5000, offsetSeconds: 3600),
            .float(Double(number) * 0.5), .boolean(number % 2 == 0), .null,
        ]
    }

    static func append(_ number: Int, to buffer: inout PackStreamBuffer) {
        buffer.appendListHeader(8)
        buffer.append(Int64(number))
        buffer.append(Int64(number) << 20)
        buffer.append(static: text)
        buffer.append(static: text)
        buffer.appendStructureHeader(tag: 0x49, fields: 3)
        buffer.append(1_700_000_000 + Int64(number))
        buffer.append(5000 as Int64)
        buffer.append(3600 as Int64)
        buffer.append(Double(number) * 0.5)
        buffer.append(number % 2 == 0)
        buffer.appendNull()
    }

    static func read(_ reader: inout PackStreamReader, _ sum: inout UInt64) throws(PackStreamError) {
        sum &+= UInt64(try reader.readListHeader())
        for _ in 0..<2 { sum &+= UInt64(try reader.readInteger()) }
        for _ in 0..<2 { sum &+= UInt64(try reader.readStringBytes().byteCount) }
        let fields = try reader.readStructureHeader().fields
        for _ in 0..<fields { sum &+= UInt64(try reader.readInteger()) }
        sum &+= UInt64(try reader.readFloat())
        if try reader.readBoolean() { sum &+= 1 }
        try reader.readNull()
    }
}

extension PackStreamBuffer {
    /// Appends text that the program holds as bytes already.
    fileprivate mutating func append(static text: StaticString) {
        unsafe appendString(RawSpan(_unsafeStart: text.utf8Start, byteCount: text.utf8CodeUnitCount))
    }
}
