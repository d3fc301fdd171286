// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

struct `The schema of a mapping file` {
    private static let catalog = Catalog.of(
        .of("public.shops", "id int4, name text!, code text, e vector3, spot point, seen timestamptz", key: ["id"]),
        .of("public.goods", "id int4, name text!, price numeric", key: ["id"]),
        .of(
            "public.stock", "shop int4, good int4, n int4!, note text", key: ["shop", "good"],
            references: [
                .of(["shop"], "public.shops", ["id"]), .of(["good"], "public.goods", ["id"]),
            ]))

    private static let tables = """
          public.shops:
            labels: [Shop, Thing]
            key: {id: id}
            properties: {name: name, code: code, e: e, spot: {property: spot, as: point}, seen: {property: seen, otherwise: string}}
          public.goods:
            labels: [Good, Thing]
            key: {id: id}
            properties: {name: name, price: {property: price, as: float}}
          public.stock:
            relationship: STOCK
            from: {columns: [shop], references: public.shops}
            to: {columns: [good], references: public.goods}
            properties: {n: n, note: note}

        """

    private func items(_ schema: String) throws -> [SchemaItem] {
        try parsed(head + Self.tables + "schema:\n" + schema).resolve(against: Self.catalog).schema
    }

    private func errors(_ schema: String) -> [String] {
        faults(head + Self.tables + "schema:\n" + schema, against: Self.catalog).filter { !$0.contains(": note: ") }
    }

    @Test func `gives statements`() throws {
        let items = try items(
            """
              indexes:
                - {label: Shop, properties: [code, name]}
                - {type: text, name: "o'clock", label: Thing, properties: [name]}
                - {type: fulltext, labels: [Shop, Good], properties: [name], analyzer: english,
                   options: {fulltext.eventually_consistent: true}}
                - {type: fulltext, relationship: STOCK, properties: [note]}
                - {type: point, label: Shop, properties: [spot]}
                - {relationship: STOCK, properties: [n]}
                - {type: vector, label: Shop, properties: [e], options: {vector.hnsw.m: 32}}
              constraints:
                - {type: exists, label: Thing, properties: [name]}
                - {type: exists, relationship: STOCK, properties: [n]}
                - {type: typed, label: Shop, properties: [seen]}

            """)
        #expect(
            items.map(\.statement) == [
                "CREATE INDEX `lockstep_range_Shop_code_name` IF NOT EXISTS FOR (n:`Shop`) ON (n.`code`, n.`name`)",
                "CREATE TEXT INDEX `o'clock` IF NOT EXISTS FOR (n:`Thing`) ON (n.`name`)",
                "CREATE FULLTEXT INDEX `lockstep_fulltext_Shop_Good_name` IF NOT EXISTS FOR (n:`Shop`|`Good`) "
                    + "ON EACH [n.`name`] OPTIONS {indexConfig: {`fulltext.analyzer`: 'english', "
                    + "`fulltext.eventually_consistent`: true}}",
                "CREATE FULLTEXT INDEX `lockstep_fulltext_STOCK_note` IF NOT EXISTS FOR ()-[n:`STOCK`]-() "
                    + "ON EACH [n.`note`]",
                "CREATE POINT INDEX `lockstep_point_Shop_spot` IF NOT EXISTS FOR (n:`Shop`) ON (n.`spot`)",
                "CREATE INDEX `lockstep_range_STOCK_n` IF NOT EXISTS FOR ()-[n:`STOCK`]-() ON (n.`n`)",
                "CREATE VECTOR INDEX `lockstep_vector_Shop_e` IF NOT EXISTS FOR (n:`Shop`) ON (n.`e`) OPTIONS "
                    + "{indexConfig: {`vector.dimensions`: 3, `vector.hnsw.m`: 32, "
                    + "`vector.similarity_function`: 'cosine'}}",
                "CREATE CONSTRAINT `lockstep_exists_Thing_name` IF NOT EXISTS FOR (n:`Thing`) "
                    + "REQUIRE n.`name` IS NOT NULL",
                "CREATE CONSTRAINT `lockstep_exists_STOCK_n` IF NOT EXISTS FOR ()-[n:`STOCK`]-() "
                    + "REQUIRE n.`n` IS NOT NULL",
                "CREATE CONSTRAINT `lockstep_typed_Shop_seen` IF NOT EXISTS FOR (n:`Shop`) "
                    + "REQUIRE n.`seen` IS :: ZONED DATETIME | STRING",
            ])
    }

    @Test func `is proposed for vectors`() throws {
        let catalog = Catalog.of(.of("public.chunks", "id int4, e vector3", key: ["id"]))
        let settings = Proposal.Settings(
            pipeline: "p", source: ConnectionURL("postgresql://h/d"), graph: ConnectionURL("bolt://h"))
        let text = Proposal(for: catalog).render(settings)
        #expect(text.contains("schema:\n  indexes:\n    - {type: vector, label: Chunk, properties: [e]}  # vector(3)"))
        #expect(try parsed(text).resolve(against: catalog).schema.map(\.name) == ["lockstep_vector_Chunk_e"])
        let without = Catalog.of(.of("public.chunks", "id int4", key: ["id"]))
        let other = Proposal(for: without).render(settings)
        #expect(try other.contains("# schema:") && parsed(other).resolve(against: without).schema.isEmpty)
    }

    private static let faultyEntries: [(String, String)] = [
        ("indexes: [{label: Shp, properties: [name]}]", "no table makes nodes with the label Shp"),
        ("indexes: [{relationship: STOK, properties: [n]}]", "no table makes relationships of the type STOK"),
        ("indexes: [{label: Shop, properties: [nme]}]", "nothing makes a property (:Shop) {nme}"),
        ("indexes: [{label: Shop}]", "an index has no properties"),
        ("indexes: [{label: Shop, properties: []}]", "properties is empty"),
        ("indexes: [{properties: [name]}]", "an index has neither label"),
        ("indexes: [{label: Shop, relationship: STOCK, properties: [n]}]", "an index has more than one of label"),
        ("indexes: [{type: tree, label: Shop, properties: [name]}]", "the type of an index is one of range, text"),
        (
            "indexes: [{type: text, label: Good, properties: [price]}]",
            "a text index takes strings, and price of public.goods is float"
        ),
        ("indexes: [{type: point, label: Shop, properties: [name]}]", "a point index takes points"),
        (
            "indexes: [{type: vector, label: Shop, properties: [name], dimensions: 3}]",
            "a vector index takes lists of floats"
        ),
        (
            "indexes: [{type: vector, label: Shop, properties: [name], dimensions: 0}]",
            "dimensions is a number from 1 to 4096"
        ),
        (
            "indexes: [{type: vector, label: Shop, properties: [name], similarity: dot}]",
            "similarity is cosine or euclidean"
        ),
        ("indexes: [{type: vector, label: Shop, properties: [e], dimensions: 4}]", "of 4 dimensions, and e has 3"),
        ("indexes: [{type: text, label: Shop, properties: [name, code]}]", "is of one property"),
        ("indexes: [{labels: [Shop, Good], properties: [name]}]", "only a full-text index spans several"),
        ("indexes: [{label: Shop, properties: [name], analyzer: english}]", "only a full-text index has an analyzer"),
        (
            "indexes: [{label: Shop, properties: [name], options: {vector.m: 3}}]",
            "vector.m is no setting of a range index"
        ),
        (
            "indexes: [{type: fulltext, label: Shop, properties: [name], options: {fulltext.analyzer: x}}]",
            "fulltext.analyzer is written analyzer"
        ),
        ("indexes: [{label: Shop, name: lockstep_x, properties: [name]}]", "is Lockstep's own"),
        (
            "indexes: [{label: Shop, properties: [name]}, {label: Shop, name: x, properties: [name]}]",
            "lockstep_range_Shop_name is the index on (:Shop) {name} already"
        ),
        (
            "indexes: [{label: Shop, name: x, properties: [name]}, {label: Good, name: x, properties: [name]}]",
            "x stands here twice"
        ),
        ("indexes: [{label: Shop, properties: [id]}]", "lockstep_key_Shop is such an index already"),
        ("constraints: [{label: Shop, properties: [name]}]", "a constraint has no type"),
        ("constraints: [{type: exists, label: Shop, properties: [code]}]", "public.shops may have no value for it"),
        ("constraints: [{type: exists, label: Thing, properties: [price]}]", "public.shops makes Thing without it"),
        ("constraints: [{type: unique, label: Shop, properties: [code]}]", "only the key can be unique in the graph"),
        ("constraints: [{type: key, label: Shop, properties: [id]}]", "is unique in the graph already"),
        ("tables: 1", "schema knows no key"),
    ]

    @Test(arguments: faultyEntries)
    func `names what cannot be`(schema: String, message: String) {
        let errors = errors("  \(schema)\n")
        #expect(errors.contains { $0.contains(message) }, "\(errors)")
        #expect(errors.allSatisfy { $0.contains(":") && $0.contains("yaml") }, "\(errors)")
    }
}
