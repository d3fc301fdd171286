// Part of Lockstep. See LICENSE.

import Bolt

/// The rows that drivers read and write: an integer, a string, a float and a boolean. `peer.py` has the same.
enum DriverRows {
    static let read = "UNWIND range(1, $n) AS i RETURN i, 'name ' + toString(i), i * 0.5, i % 2 = 0"

    static func write(label: String) -> String {
        "UNWIND $rows AS row CREATE (n:`\(label)` {id: row.id, name: row.name, half: row.half, even: row.even})"
    }

    /// A row to write, as a value.
    static func value(_ number: Int) -> BoltValue {
        [
            "id": .integer(Int64(number)), "name": .string("name \(number)"), "half": .float(Double(number) * 0.5),
            "even": .boolean(number % 2 == 0),
        ]
    }

    /// The same row as bytes.
    static func append(_ number: Int, to rows: inout PackStreamBuffer) {
        rows.appendMapHeader(4)
        rows.append("id")
        rows.append(Int64(number))
        rows.append("name")
        rows.append("name \(number)")
        rows.append("half")
        rows.append(Double(number) * 0.5)
        rows.append("even")
        rows.append(number % 2 == 0)
    }
}

/// What was in the rows that were read; the same for the same rows.
struct DriverRowSum {
    private(set) var rows = 0
    private var numbers: Int64 = 0
    private var letters = 0
    private var halves = 0.0
    private var evens = 0

    mutating func add(number: Int64, letters: Int, half: Double, isEven: Bool) {
        rows += 1
        numbers += number
        self.letters += letters
        halves += half
        evens += isEven ? 1 : 0
    }

    var checksum: Int { Int(numbers) + letters + Int(halves * 2) + evens }

    /// What `rows` rows give.
    static func expected(_ rows: Int) -> DriverRowSum {
        var sum = DriverRowSum()
        for number in 1...rows {
            sum.add(
                number: Int64(number), letters: 5 + String(number).utf8.count, half: Double(number) * 0.5,
                isEven: number % 2 == 0)
        }
        return sum
    }
}
