// Part of Lockstep. See LICENSE.

import Testing

@testable import Mapping

struct YAMLReaderTests {
    @Test(arguments: [
        ("", ["1:1: error: the file is empty"]),
        ("# nothing\n", ["2:1: error: the file is empty"]),
        ("a: [1", ["2:1: error: this is not YAML: did not find expected ',' or ']' while parsing a flow sequence"]),
        ("a: b: c", ["1:5: error: this is not YAML: mapping values are not allowed in this context"]),
        (
            "a:\n\tb: c",
            [
                "2:1: error: this is not YAML: found character that cannot start any token while scanning for the next token"
            ]
        ),
        ("a: &x 1\nb: *x\n", ["1:4: error: an anchor (&) stands here", "2:4: error: an alias (*) stands here"]),
        ("a: !!str 1", ["1:4: error: a tag (!) stands here"]),
        ("a: 1\nb: 2\na: 3", ["3:1: error: a stands here twice"]),
        ("{[1]: 2}", ["1:2: error: a key must be plain text"]),
        ("a: 1\n---\nb: 2\n", ["2:1: error: a second document begins here"]),
        (String(repeating: "[", count: 100), ["1:33: error: this is not YAML: nested too deeply"]),
    ])
    func `what is no plain YAML is refused where it stands`(text: String, expected: [String]) {
        let faults = YAMLReader.read(Array(text.utf8), file: "f").faults.map { fault in
            String(fault.description.prefix { $0 != "\n" })
        }
        #expect(faults == expected.map { "f:" + $0 })
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        let faults = YAMLReader.read([0x61, 0x3A, 0x20, 0xFF, 0xFE], file: "f").faults
        #expect(faults.count == 1)
        #expect(faults.first?.kind == .syntax)
    }

    @Test func `a file too large is refused unread`() {
        let faults = YAMLReader.read(Array(repeating: 0x20, count: YAMLReader.bytesMax + 1), file: "f").faults
        #expect(faults.map(\.message) == ["the file is larger than 4 MiB"])
    }

    @Test func `the laughing bomb is refused without growing`() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<20 {
            let items = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(items)]\n"
        }
        let faults = YAMLReader.read(Array(text.utf8), file: "f").faults
        #expect(faults.count == 20 + 19 * 9)
    }

    @Test func `every node knows its place, counted in characters`() throws {
        let text = """
            größe: ä   # comment
            list:
              - one
              - {k: "zwei", j: [1,
                 2]}

            # end
            last: |
              text

            """
        let root = try #require(YAMLReader.read(Array(text.utf8), file: "f").root)
        guard case .mapping(let entries, isFlow: false) = root.content else {
            Issue.record("no mapping")
            return
        }
        #expect(entries.map(\.key) == ["größe", "list", "last"])
        #expect(entries.map { "\($0.keyPosition)" } == ["f:1:1", "f:2:1", "f:8:1"])
        #expect(entries.map { "\($0.value.position)" } == ["f:1:8", "f:3:3", "f:8:7"])
        #expect(entries.map(\.value.lastLine) == [1, 5, 9])
        #expect(root.lastLine == 9)
    }

    @Test func `what YAML takes for a truth value stays text`() throws {
        let root = try #require(YAMLReader.read(Array("no: yes\n12: 0x1F\nnull: ~\nq: \"\"".utf8), file: "f").root)
        guard case .mapping(let entries, _) = root.content else {
            Issue.record("no mapping")
            return
        }
        #expect(entries.map(\.key) == ["no", "12", "null", "q"])
        #expect(entries.map(\.value.isMissing) == [false, false, true, false])
    }
}
