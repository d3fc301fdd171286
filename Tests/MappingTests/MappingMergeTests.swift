// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

struct MappingMergeTests {
    private static let users = Catalog.Table.of("public.users", "id int4, name text, extra int4", key: ["id"])
    private static let posts = Catalog.Table.of(
        "public.posts", "id int4, author_id int4", key: ["id"],
        references: [.of(["author_id"], "public.users", ["id"])])
    private static let logs = Catalog.Table.of("public.logs", "line text")
    private static let catalog = Catalog.of(users, posts, logs)

    private static let newEntries = """

          # No primary key, and no unique key without NULLs.
          public.logs:
            # To have it in the graph: ALTER TABLE public.logs ADD PRIMARY KEY (...); or, for a node for each distinct row, ALTER TABLE public.logs REPLICA IDENTITY FULL;
            skip: true

          public.posts:
            label: Post  # a node for each row; the table's name in the singular
            key: {id: id}  # primary key: integer -> integer
            relationships:
              # Foreign key fk_author_id; named for the column.
              - {type: AUTHOR, columns: [author_id], references: public.users}

        """

    private func merged(_ text: String, _ catalog: Catalog = catalog) throws -> MappingMerge {
        try MappingFile.merging(Array(text.utf8), file: "m.yaml", with: catalog)
    }

    @Test func `new tables go behind the last one, and every byte of the file stays`() throws {
        let before = """
            # mine
            version:   1
            pipeline: ${NOT_SET}
            tables:
              public.users:
                label:  Person   # I call them so
                key: {id: personId}
                # a last word on people
            """
        let after = "\n# Behind the tables.\nsource: {url: \"postgresql://u@h/d\"}\ngraph: {url: \"bolt://h\"}\n"
        let merge = try merged(before + "\n" + after)
        #expect(merge.text == before + "\n" + Self.newEntries + after)
        #expect(merge.added.decisions.count == 2)
        #expect(merge.unmentioned == ["public.users: column name (text)", "public.users: column extra (integer)"])
        #expect(merge.gone == [])
        #expect(merge.toInsertByHand == nil)
        // Again: nothing is left to do.
        let again = try merged(merge.text)
        #expect(again.text == merge.text)
        #expect(again.added.decisions == [])
    }

    @Test(arguments: ["", "\n", "\n\n\n", "\n    # of users\n\n# the end\n", "\n# the end"])
    func `at the end of a file too, however it ends`(ending: String) throws {
        let before = "version: 1\npipeline: p\ntables:\n    public.users: {label: U,\n      key: {id: id}}"
        let merge = try merged(before + ending)
        #expect(merge.toInsertByHand == nil)
        #expect(merge.text.hasPrefix(before + ending.dropLast(ending.hasSuffix("\n") ? 1 : 0).prefix { $0 != "\n" }))
        #expect(merge.text.contains("\n    public.posts:\n      label: Post  # "))
        let comments = merge.text.split(separator: "\n").filter { $0.contains("of users") || $0.contains("the end") }
        #expect(comments.count == ending.count { $0 == "#" })
        #expect(try merged(merge.text).added.decisions == [])
    }

    @Test func `line ends of Windows stay and are kept to`() throws {
        let before = "version: 1\r\ntables:\r\n  public.users:\r\n    label: U\r\n    key: {id: id}\r\n"
        let merge = try merged(before)
        #expect(merge.text == before + Self.newEntries.replacing("\n", with: "\r\n"))
        #expect(merge.text.unicodeScalars.count { $0 == "\n" } == merge.text.unicodeScalars.count { $0 == "\r" })
    }

    @Test func `tables without an entry yet are filled`() throws {
        let merge = try merged("version: 1\ntables:\ngraph: {url: x}\n", .of(Self.users))
        #expect(merge.text.hasPrefix("version: 1\ntables:\n\n  public.users:\n    label: User  #"))
        #expect(merge.text.hasSuffix("\ngraph: {url: x}\n"))
    }

    @Test func `what cannot be inserted is given out to insert by hand`() throws {
        let text = "version: 1\ntables: {public.users: {skip: true}}\n"
        let merge = try merged(text)
        #expect(merge.text == text)
        #expect(merge.toInsertByHand?.contains("public.posts:\n    label: Post") == true)
    }

    @Test func `new tables fit to what the file says of the others`() throws {
        let text = """
            tables:
              public.users: {label: Post, key: {id: id}, properties: {name: name}, exclude: [extra]}
            """
        let merge = try merged(text)
        // The label is the users' by the owner's will.
        #expect(merge.added.decisions.last == "public.posts -> (:Posts) by (id), primary key; with [:AUTHOR]")
        #expect(merge.unmentioned == [])

        let skipped = try merged("tables:\n  public.users: {skip: true}\n")
        #expect(
            skipped.added.leftOut.last?.message
                == "foreign key fk_author_id (author_id) to public.users: public.users is skipped")
        #expect(skipped.text.contains("author_id: authorId"))
    }

    @Test func `foreign keys that nobody mentions and names that are gone are told`() throws {
        let text = """
            tables:
              public.users: {label: U, key: {id: id}, properties: {name: name, nick: nick}, exclude: [extra, fax]}
              public.posts: {label: P, key: {id: id}, properties: {author_id: author}}
              public.logs: {skip: true}
              public.old: {skip: true}
            """
        let merge = try merged(text)
        #expect(merge.text == text)
        #expect(merge.unmentioned == ["public.posts: foreign key fk_author_id (author_id) to public.users"])
        #expect(
            merge.gone.map(\.message) == [
                "table public.users has no column nick", "table public.users has no column fax",
                "database sample has no table public.old",
            ])
    }

    @Test func `a file that cannot be read is not touched`() {
        #expect(throws: MappingError.self) { try merged("tables: [") }
        #expect(throws: MappingError.self) { try merged("version: 1\n") }
        #expect(throws: MappingError.self) { try merged("tables:\n  public.users: {label: U}\n") }
    }
}
