// Part of Lockstep. See LICENSE.

import Bolt

extension BoltValue {
    /// Short text for comparisons in tests.
    var plain: String {
        switch self {
        case .null: "null"
        case .boolean(let value): String(value)
        case .integer(let value): String(value)
        case .float(let value): String(value)
        case .string(let value): value
        case .list(let values): "[" + values.map(\.plain).joined(separator: ",") + "]"
        case .bytes(let bytes): "x" + bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        default: "\(self)"
        }
    }
}
