// Part of Lockstep. See LICENSE.

internal import Bolt

extension EntityTable {
    /// An entity's key for messages: `42`, or `(7, "x")` of several columns; a long one is cut off.
    func keyText(of entity: Entity) -> String {
        let start = Int(entity.keyOffset)
        var reader = PackStreamReader(keys.bytes.extracting(start..<start + Int(entity.keyLength)))
        var parts: [String] = []
        do throws(PackStreamError) {
            while !reader.isAtEnd { parts.append(Self.text(of: try reader.readValue())) }
        } catch {
            // It was encoded here; a message is no place to find fault with it.
            parts.append("?")
        }
        return parts.count == 1 ? parts[0] : "(\(parts.joined(separator: ", ")))"
    }

    private static func text(of value: BoltValue) -> String {
        let text =
            switch value {
            case .integer(let value): String(value)
            case .boolean(let value): String(value)
            case .float(let value): "\(value)"
            case .string(let value): "\"\(value)\""
            default: "\(value)"
            }
        return text.count > 100 ? text.prefix(100) + "…" : text
    }
}

extension ApplyError {
    /// The same, of the row with this key.
    func ofRow(with key: String) -> ApplyError {
        guard kind == .value else { return self }
        var error = self
        error.message = "row \(key), \(message)"
        return error
    }
}
