// Part of Lockstep. See LICENSE.

/// One answer of a server.
public enum BoltResponse: Sendable, Hashable {
    /// The request was done; what the map holds depends on the request.
    case success([String: BoltValue])
    case failure(BoltFailure)
    /// The request was not looked at, because an earlier one failed and no ``BoltChannel/reset()`` came in between.
    case ignored
    /// One row. More answers to the same request follow.
    case record([BoltValue])
}

/// The tag bytes of answers.
enum ResponseTag: UInt8 {
    case success = 0x70
    case record = 0x71
    case ignored = 0x7E
    case failure = 0x7F
}

extension PackStreamReader {
    /// Reads up to an answer's fields.
    mutating func readResponseTag() throws(PackStreamError) -> ResponseTag {
        let (tag, fields) = try readStructureHeader()
        guard let response = ResponseTag(rawValue: tag), fields == 1 || response == .ignored else {
            throw PackStreamError(.unknownMarker(tag), offset: 1)
        }
        return response
    }

    /// Reads what follows the tag.
    mutating func readResponse(_ tag: ResponseTag) throws(PackStreamError) -> BoltResponse {
        switch tag {
        case .success: return .success(try readMap())
        case .failure: return .failure(BoltFailure(metadata: try readMap()))
        case .record: return .record(try readList())
        case .ignored:
            // Some servers say why; nobody asks.
            while !isAtEnd { try skipValue() }
            return .ignored
        }
    }
}
