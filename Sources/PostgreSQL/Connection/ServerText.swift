// Part of Lockstep. See LICENSE.

/// Reads the error texts that libpq builds where it gives no parts: while connecting, and when a connection breaks.
enum ServerText {
    /// Several lines as one, without LOCATION and other lines that verbose messages add.
    static func oneLine(_ text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }
        return lines.filter { !$0.hasPrefix("LOCATION:") }.map(String.init).joined(separator: "; ")
    }

    /// Finds `FATAL:  28P01: password authentication failed` in a verbose message, in any language.
    ///
    /// - Returns: The SQLSTATE and what stands behind it up to the line's end; nil where no server spoke.
    static func sqlState(in text: String) -> (sqlState: String, message: String)? {
        for line in text.split(whereSeparator: \.isNewline) {
            let bytes = Array(line.utf8)
            guard bytes.count >= 10 else { continue }
            for start in 0...(bytes.count - 10) where bytes[start...].starts(with: ":  ".utf8) {
                let code = bytes[(start + 3)..<(start + 8)]
                guard code.allSatisfy({ (48...57).contains($0) || (65...90).contains($0) }),
                    bytes[(start + 8)...].starts(with: ": ".utf8)
                else { continue }
                return (
                    String(decoding: code, as: UTF8.self), String(decoding: bytes[(start + 10)...], as: UTF8.self)
                )
            }
        }
        return nil
    }
}
