// Part of Lockstep. See LICENSE.

/// The arguments of one command, read against what it takes.
struct Arguments {
    struct UsageError: Error {
        var message: String
    }

    private var values: [String: String] = [:]
    private var flags: Set<String> = []
    /// What stands alone and is no flag.
    private(set) var operands: [String] = []

    /// - Parameters:
    ///   - options: Names that take a value: `--name VALUE` or `--name=VALUE`; `-c` and `-o` stand for `--config` and
    ///     `--output`.
    ///   - flags: Names that stand alone.
    ///   - takesOperands: Words that are no names may come, too.
    init(
        _ words: ArraySlice<String>, options: Set<String>, flags known: Set<String>, takesOperands: Bool = false
    ) throws(UsageError) {
        var rest = words
        while let word = rest.popFirst() {
            let (name, inline) = Self.split(word)
            if options.contains(name) {
                guard let value = inline ?? rest.popFirst() else {
                    throw UsageError(message: "--\(name) needs a value")
                }
                values[name] = value
            } else if known.contains(name), inline == nil {
                flags.insert(name)
            } else if takesOperands, !word.hasPrefix("-") {
                operands.append(word)
            } else {
                let takes = (options.union(known)).sorted().map { "--" + $0 }.joined(separator: ", ")
                throw UsageError(message: "unknown argument \"\(word)\"; this command takes \(takes)")
            }
        }
    }

    subscript(option: String) -> String? { values[option] }

    func has(_ flag: String) -> Bool { flags.contains(flag) }

    /// A number of seconds, with a fraction where wanted.
    func seconds(_ option: String, default standard: Double) throws(UsageError) -> Duration {
        guard let text = values[option] else { return .milliseconds(Int64(standard * 1000)) }
        guard let number = Double(text), number >= 0, number < 1e9 else {
            throw UsageError(message: "--\(option) takes a number of seconds, not \"\(text)\"")
        }
        return .milliseconds(Int64(number * 1000))
    }

    private static func split(_ word: String) -> (name: String, inline: String?) {
        switch word {
        case "-c": return ("config", nil)
        case "-o": return ("output", nil)
        default: break
        }
        guard word.hasPrefix("--") else { return ("", nil) }
        let body = word.dropFirst(2)
        guard let equals = body.firstIndex(of: "=") else { return (String(body), nil) }
        return (String(body[..<equals]), String(body[body.index(after: equals)...]))
    }
}
