// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@Suite struct LSNTests {
    @Test(arguments: ["0/0", "0/153B1F8", "16/B374D848", "FFFFFFFF/FFFFFFFF"])
    func `an LSN is printed as it was read`(text: String) throws {
        #expect(try #require(LSN(text)).description == text)
    }

    @Test(arguments: ["", "/", "0", "0/", "/0", "0/0/0", "g/0", "0/123456789", "-1/0", "+1/0", "0/+1", " 0/0"])
    func `another text is no LSN`(text: String) {
        #expect(LSN(text) == nil)
    }

    @Test func `positions order and measure across the halves`() throws {
        let low = try #require(LSN("0/FFFFFFFF"))
        let high = try #require(LSN("1/0"))
        #expect(low < high)
        #expect(high.distance(from: low) == 1)
        #expect(low.distance(from: high) == 0)
    }

    @Test(arguments: [
        ("0/1000000", "0/1000000"), ("0/1000028", "0/1000000"), ("0/1000030", "0/1000030"), ("0/1002018", "0/1002000"),
        ("0/1002020", "0/1002020"), ("0/1003FF8", "0/1003FF8"),
    ])
    func `a position inside a page's header is the end of the page before`(position: String, end: String) throws {
        #expect(WALLayout().recordEnd(try #require(LSN(position))) == LSN(end))
    }
}
