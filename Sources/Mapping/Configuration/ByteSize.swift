// Part of Lockstep. See LICENSE.

/// A number of bytes as people write it: `65536`, `64KiB`, `4 MiB`, `1GB`.
enum ByteSize {
    private static let units: [(name: String, factor: Int)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000),
        ("B", 1), ("", 1),
    ]

    /// Nil where `text` is no size, or none that fits.
    static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text[digits.endIndex...].drop { $0 == " " }.lowercased()
        guard let number = Int(digits), let factor = units.first(where: { $0.name.lowercased() == unit })?.factor
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : bytes
    }

    /// The shortest exact form: `4MiB`.
    static func describe(_ bytes: Int) -> String {
        let unit = units.first { $0.name.hasSuffix("iB") && bytes >= $0.factor && bytes % $0.factor == 0 }
        return unit.map { "\(bytes / $0.factor)\($0.name)" } ?? "\(bytes)"
    }
}
