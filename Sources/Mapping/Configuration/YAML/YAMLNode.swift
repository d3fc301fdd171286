// Part of Lockstep. See LICENSE.

/// A part of a YAML document, with its place. Values stay text: what a number or a truth value is decides the reader of
/// the field, so that a column called `no` is not a falsehood.
struct YAMLNode: Sendable {
    enum Content: Sendable {
        /// `isPlain`: without quotes, so that an empty one means that nothing was written.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        case mapping([Entry], isFlow: Bool)
        /// Something that was refused and reported.
        case invalid
    }

    struct Entry: Sendable {
        var key: String
        var keyPosition: FilePosition
        var value: YAMLNode
    }

    var content: Content
    var position: FilePosition
    /// The last line that it has text on, from 1.
    var lastLine: Int

    /// What stands here, for messages.
    var shape: String {
        switch content {
        case .scalar(let text, let isPlain): isNothing(text, isPlain) ? "nothing" : "a single value"
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .invalid: "something refused"
        }
    }

    /// Nothing was written: `key:`, `~` or `null`.
    var isMissing: Bool {
        if case .scalar(let text, let isPlain) = content { return isNothing(text, isPlain) }
        return false
    }

    private func isNothing(_ text: String, _ isPlain: Bool) -> Bool { isPlain && ["", "~", "null"].contains(text) }
}
