// Part of Lockstep. See LICENSE.

/// Bytes that are not PackStream, or not the value that was asked for.
public struct PackStreamError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Reason: Sendable, Hashable {
        /// The bytes end inside a value.
        case truncated
        /// A size that the bytes that follow cannot hold.
        case sizeBeyondEnd
        /// A marker that means nothing.
        case unknownMarker(UInt8)
        /// Another type of value than the one that was asked for.
        case typeMismatch(expected: PackStreamKind, marker: UInt8)
        /// A string that is not UTF-8.
        case invalidUTF8
        /// A map whose key is not a string.
        case keyNotString
        /// Values nested deeper than ``PackStreamReader/nestingMax``.
        case nestedTooDeep
        /// Bytes left over after the last value.
        case trailingBytes
    }

    public let reason: Reason
    /// Where it was seen, in bytes from the start of what the reader was given.
    public let offset: Int

    public init(_ reason: Reason, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    public var description: String { "\(reason) at byte \(offset)" }
}

/// What kind of value a marker opens.
public enum PackStreamKind: Sendable, Hashable {
    case null, boolean, integer, float, bytes, string, list, map, structure, uuid

    /// - Returns: Nil for a marker that means nothing.
    init?(marker: UInt8) {
        switch marker {
        case 0x00...0x7F, 0xF0...0xFF, 0xC8...0xCB: self = .integer
        case 0x80...0x8F, 0xD0...0xD2: self = .string
        case 0x90...0x9F, 0xD4...0xD6: self = .list
        case 0xA0...0xAF, 0xD8...0xDA: self = .map
        case 0xB0...0xBF: self = .structure
        case 0xC0: self = .null
        case 0xC1: self = .float
        case 0xC2, 0xC3: self = .boolean
        case 0xCC...0xCE: self = .bytes
        case 0xE0: self = .uuid
        default: return nil
        }
    }
}
