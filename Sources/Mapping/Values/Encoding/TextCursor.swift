// Part of Lockstep. See LICENSE.

/// Reads the text forms of PostgreSQL's values, byte by byte.
struct TextCursor: ~Escapable {
    let bytes: RawSpan
    var position = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.byteCount }

    /// The next byte; 0, which no text holds, at the end.
    var next: UInt8 { position < bytes.byteCount ? bytes.byte(at: position) : 0 }

    var nextIsDigit: Bool { isDigit(next) }

    /// Steps over `byte` where it is the next one.
    mutating func skip(_ byte: UInt8) -> Bool {
        guard next == byte, !isAtEnd else { return false }
        position += 1
        return true
    }

    mutating func expect(_ byte: UInt8) throws(ValueError) {
        guard skip(byte) else { throw ValueError(.malformed) }
    }

    func expectEnd() throws(ValueError) {
        guard isAtEnd else { throw ValueError(.malformed) }
    }

    /// Reads `+`, `-` or nothing; true for `-`.
    mutating func sign() -> Bool {
        let isNegative = skip(UInt8(ascii: "-"))
        if !isNegative { _ = skip(UInt8(ascii: "+")) }
        return isNegative
    }

    /// Reads one digit or more as a negative number, the sign that holds every `Int64`.
    mutating func negatedDigits() throws(ValueError) -> Int64 {
        guard nextIsDigit else { throw ValueError(.malformed) }
        var value: Int64 = 0
        while nextIsDigit {
            let (tenfold, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, under) = tenfold.subtractingReportingOverflow(Int64(next - UInt8(ascii: "0")))
            guard !over, !under else { throw ValueError(.outOfRange) }
            value = sum
            position += 1
        }
        return value
    }

    /// Reads one digit or more, no sign.
    mutating func digits() throws(ValueError) -> Int64 {
        let negated = try negatedDigits()
        guard negated != .min else { throw ValueError(.outOfRange) }
        return -negated
    }

    /// Reads an optional sign and one digit or more.
    mutating func integer() throws(ValueError) -> Int64 { try sign() ? negatedDigits() : digits() }

    /// Reads `.` and the digits behind it, where there are any, as millionths.
    mutating func microseconds() throws(ValueError) -> Int64 {
        guard skip(UInt8(ascii: ".")) else { return 0 }
        guard nextIsDigit else { throw ValueError(.malformed) }
        var value: Int64 = 0
        var unit: Int64 = 100_000
        while nextIsDigit {
            value += Int64(next - UInt8(ascii: "0")) * unit
            unit /= 10
            position += 1
        }
        return value
    }
}

/// Whether an ASCII byte is `0`–`9`.
func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }
