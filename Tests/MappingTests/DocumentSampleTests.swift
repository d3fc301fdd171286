// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

struct `A sample of documents` {
    private func sample(_ members: [(String, Set<String>)]) -> DocumentSample {
        DocumentSample(
            table: QualifiedName(schema: "public", name: "event"), column: "doc", rows: 10,
            members: members.map {
                DocumentSample.Member(path: $0.0.split(separator: "/").map(String.init), kinds: $0.1)
            })
    }

    @Test func `proposes the type that holds all that was found`() {
        let types: [(Set<String>, String?)] = [
            (["integer"], "integer"), (["integer", "float"], "float"), (["integer", "string"], "string"),
            (["boolean"], "boolean"), (["list<integer>", "list"], "list<integer>"), (["list"], "list<string>"),
            (["list<integer>", "list<float>"], "list<float>"), (["list<integer>", "list<string>"], "list<string>"),
            (["list<integer>", "integer"], "string"), (["json"], "string"), (["json", "list"], "string"), ([], nil),
        ]
        for (kinds, type) in types {
            #expect(sample([("a", kinds)]).parts.first?.type == type, "\(kinds)")
        }
    }

    @Test func `takes an object whose members are data as a whole`() {
        let users = (1...50).map { ("users/u\($0)/name", Set(["string"])) }
        let parts = sample([("id", ["integer"])] + users + [("users/total", ["integer"])]).parts
        #expect(parts == [ProposedPart(path: ["id"], type: "integer"), ProposedPart(path: ["users"], type: "string")])
        #expect(sample(users.map { (String($0.0.dropFirst(6)), $0.1) }).parts.isEmpty)
    }

    @Test func `writes lines that the file's reader takes`() throws {
        let catalog = Catalog.of(.of("public.event", "id int4, doc jsonb, doc_a text", key: ["id"]))
        var proposal = Proposal(for: catalog)
        proposal.add([
            sample([
                ("a", ["string"]), ("b.c/d e/0", ["integer"]), ("list", ["list<string>"]), ("x\"y", ["string"]),
                ("B_c_d_e_0", ["string"]),
            ])
        ])
        let text = proposal.render(
            Proposal.Settings(
                pipeline: "p", source: ConnectionURL("postgresql://h/d"), graph: ConnectionURL("bolt://h")))
        let mapping = try parsed(text).resolve(against: catalog)
        let found = mapping.nodes[0].properties.map {
            "\($0.property) \($0.conversion.name) \($0.conversion.part?.description ?? "")"
        }
        // `a` would be the property that `doc_a` is; of two names that differ by what is no letter the first counts.
        #expect(
            found == [
                "doc string ", "docBCDE0 integer \"b.c\".d e.0", "docList list<string> list", "docA string ",
            ])
        #expect(text.contains("parts:  # as found in up to 10 rows"))
    }
}
