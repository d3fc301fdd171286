// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

struct ResolutionTests {
    private static let shop = Catalog.of(
        .of(
            "public.customers", "id int4, code text!, email citext, total numeric=", key: ["id"],
            unique: [.init(indexName: "customers_code", columns: ["code"]), .init(indexName: "m", columns: ["email"])]),
        .of(
            "public.orders", "id int8, customer_id int4, customer_code text, price numeric.2, placed date", key: ["id"],
            references: [
                .of(["customer_id"], "public.customers", ["id"]),
                .of(["customer_code"], "public.customers", ["code"]),
            ]),
        .of("public.products", "shop int4, no int4", key: ["shop", "no"]),
        .of(
            "public.lines", "order_id int8, shop int4, product int4, n int2, note point",
            key: ["order_id", "shop", "product"],
            references: [
                .of(["order_id"], "public.orders", ["id"]),
                .of(["product", "shop"], "public.products", ["no", "shop"]),
            ]))

    private static let customers = "  public.customers: {label: Customer, key: {id: id}, properties: {code: code}}\n"
    private static let products = "  public.products: {label: Product, key: {no: no, shop: shop}}\n"
    /// What is not mapped, and is not what a test is about.
    private func errors(_ tables: String, against catalog: Catalog = shop) -> [String] {
        faults(head + tables, against: catalog).filter { !$0.contains(": note: ") && !$0.hasPrefix("note: ") }
    }

    @Test func `a partition has to carry what its table's replica identity promises`() throws {
        func errors(_ identity: Catalog.ReplicaIdentity, _ partitions: Catalog.Partition...) throws -> [String] {
            var table = Catalog.Table.of("public.t", "id int4, a text", key: ["id"], identity: identity)
            table.isPartitioned = true
            table.partitions = partitions
            let file = try parsed(head + "  public.t: {label: T, key: {id: id}, properties: {a: a}}\n")
            return file.examine(against: .of(table)).faults.map(\.description)
        }
        func leaf(
            _ name: String, _ identity: Catalog.ReplicaIdentity = .default, _ key: [String] = ["id"],
            isForeign: Bool = false
        ) -> Catalog.Partition {
            Catalog.Partition(
                name: QualifiedName(schema: "public", name: name), replicaIdentity: identity, identityKey: key,
                isForeign: isForeign)
        }
        #expect(try errors(.default, leaf("p1"), leaf("p2", .full, []), leaf("p3", .index, ["a", "id"])) == [])
        #expect(try errors(.full, leaf("p1", .full, []), leaf("p2", .full, [])) == [])
        let silent = try errors(.default, leaf("p1", .nothing, []), leaf("p2", .index, ["a"]), leaf("p3"))
        #expect(silent.count == 1)
        #expect(
            silent.first?.contains(
                "in public.p1 (and 1 more), a partition of public.t, do not say which row they mean") == true,
            "\(silent)")
        #expect(silent.first?.contains("ALTER TABLE public.p2 REPLICA IDENTITY DEFAULT;") == true, "\(silent)")
        let partly = try errors(.full, leaf("p1", .full, []), leaf("p2"))
        #expect(partly.first?.contains("ALTER TABLE public.p2 REPLICA IDENTITY FULL;") == true, "\(partly)")
        let foreign = try errors(.default, leaf("p1", isForeign: true))
        #expect(foreign.first?.contains("is a partition of public.t and a foreign table") == true, "\(foreign)")
    }

    @Test func `a right file gives the mapping`() throws {
        let file = try parsed(
            head + Self.customers + Self.products + """
                  public.orders:
                    label: Order
                    key: {id: orderId}
                    properties:
                      price: {property: price, as: float}
                      placed: placed
                    relationships:
                      - {type: PLACED, columns: [customer_id], references: public.customers, reversed: true}
                      - {type: FOR, columns: [customer_code], references: public.customers}
                  public.lines:
                    relationship: CONTAINS
                    from: {columns: [order_id], references: public.orders}
                    to: {columns: [shop, product], references: public.products}
                    properties: {n: quantity}
                """)
        let mapping = try file.resolve(against: Self.shop)
        #expect(mapping.pipeline == "p")
        #expect(
            mapping.tables.map(\.description) == [
                "public.customers", "public.products", "public.orders", "public.lines",
            ])
        let order = mapping.nodes[2]
        #expect(order.key.map(\.property) == ["orderId"])
        #expect(order.key.map(\.conversion.name) == ["integer"])
        // The last one is kept to find the row by: the foreign key names another column than the node's key.
        #expect(order.properties.map(\.property) == ["price", "placed", "_lockstep_customer_code"])
        #expect(order.properties.map(\.conversion.name) == ["float", "date", "string"])
        #expect(order.properties.map(\.columnType) == ["numeric(10,2)", "date", "text"])
        #expect(order.references.map(\.kept) == [[], ["_lockstep_customer_code"]])
        #expect(order.references.map(\.isReversed) == [true, false])
        #expect(order.references.map { $0.target.key.map(\.property) } == [["id"], ["code"]])
        let join = mapping.joins[0]
        #expect(join.from.label == "Order")
        #expect(join.from.key.map(\.column) == ["order_id"])
        // In the order of the other node's key, whatever the file's or the foreign key's.
        #expect(join.to.key.map(\.column) == ["product", "shop"])
        #expect(join.to.key.map(\.property) == ["no", "shop"])
    }

    @Test func `names that the database does not have`() {
        #expect(
            errors(
                """
                  public.customer: {label: C, key: {id: id}}
                  public.gone: {skip: true}
                  public.orders:
                    label: O
                    key: {id: id}
                    properties: {pricee: p}
                    relationships:
                      - {type: X, columns: [customerid], references: public.customers}
                      - {type: Y, columns: [customer_id], references: public.costumers}
                    exclude: [what]
                """) == [
                    "m.yaml:6:3: error: database sample has no table public.customer",
                    "m.yaml:7:3: warning: database sample has no table public.gone",
                    "m.yaml:11:18: error: table public.orders has no column pricee",
                    "m.yaml:13:29: error: table public.orders has no column customerid",
                    "m.yaml:13:54: error: public.customers is not in this mapping",
                    "m.yaml:14:55: error: database sample has no table public.costumers",
                    "m.yaml:15:15: warning: table public.orders has no column what",
                ])
    }

    @Test func `a fault names the way out`() {
        let text =
            head + "  public.order: {label: O, key: {id: id}}\n  public.customers: {label: C, key: {code: c, id: i}}"
        do throws(MappingError) {
            _ = try parsed(text).resolve(against: Self.shop)
            Issue.record("it resolved")
        } catch {
            #expect(
                error.description == """
                    m.yaml:6:3: error: database sample has no table public.order
                        did you mean public.orders?
                    m.yaml:7:37: error: the key (code, id) is neither the primary key of public.customers nor a unique key
                        a key is (id)
                    """)
        }
    }

    @Test func `keys that do not identify a row`() {
        let unique = Catalog.UniqueKey(indexName: "u", columns: ["code"])
        let catalog = Catalog.of(
            .of("public.a", "id int4, code text", key: ["id"], unique: [unique]),
            .of("public.b", "id int4, code text!", key: ["id"], unique: [unique]),
            .of("public.c", "id int4", key: ["id"], identity: .nothing),
            .of("public.d", "id int4, total int4=", key: ["id"]))
        #expect(
            errors(
                """
                  public.a: {label: A, key: {code: code}}
                  public.b: {label: B, key: {code: code}}
                  public.c: {label: C, key: {id: id}}
                  public.d: {label: D, key: {id: id}, properties: {total: total}}
                """, against: catalog) == [
                    "m.yaml:6:29: error: the key (code) can be NULL in code",
                    "m.yaml:7:29: error: updates and deletes of public.b do not say which row they mean: its replica "
                        + "identity carries only (id), not the key (code)",
                    "m.yaml:8:29: error: updates and deletes of public.c do not say which row they mean: its replica "
                        + "identity carries nothing, not the key (id)",
                    "m.yaml:9:52: error: column total is generated: not in the stream before PostgreSQL 18",
                ])
    }

    @Test func `relationships that lead nowhere`() {
        #expect(
            errors(
                Self.products + """
                      public.customers: {skip: true}
                      public.orders:
                        label: Order
                        key: {id: id}
                        relationships:
                          - {type: A, columns: [customer_id], references: public.customers}
                          - {type: B, columns: [id], references: public.lines}
                          - {type: C, columns: [price], references: public.products}
                          - {type: D, columns: [price, placed], references: public.products}
                          - {type: E, columns: [id], references: public.orders}
                      public.lines:
                        relationship: LINE
                        from: {columns: [order_id], references: public.orders}
                        to: {columns: [product], references: public.products}
                    """) == [
                    "m.yaml:12:55: error: public.customers is skipped",
                    "m.yaml:13:46: error: public.lines becomes relationships, and no relationship can lead to one",
                    "m.yaml:14:29: error: 1 columns stand here, but the key of public.products is (no, shop)",
                    "m.yaml:15:29: error: no foreign key leads from public.orders (price, placed) to public.products",
                    "m.yaml:16:29: error: no foreign key leads from public.orders (id) to public.orders",
                    "m.yaml:20:20: error: no foreign key leads from public.lines (product) to public.products",
                ])
    }

    @Test func `a foreign key that was never checked`() {
        let catalog = Catalog.of(
            .of("public.a", "id int4", key: ["id"]),
            .of(
                "public.b", "id int4, a int4", key: ["id"],
                references: [.of(["a"], "public.a", ["id"], coverage: .newRows)]))
        #expect(
            errors(
                """
                  public.a: {label: A, key: {id: id}}
                  public.b: {label: B, key: {id: id}, relationships: [{type: A, columns: [a], references: public.a}]}
                """, against: catalog) == [
                    "m.yaml:7:75: error: fk_a is NOT VALID: rows may refer to rows that are not there"
                ])
    }

    @Test func `a foreign key that some partitions have`() throws {
        let catalog = Catalog.of(
            .of("public.a", "id int4", key: ["id"]),
            .of(
                "public.b", "id int4, a int4", key: ["id"],
                references: [.of(["a"], "public.a", ["id"], coverage: .somePartitions)]))
        let tables = """
              public.a: {label: A, key: {id: id}}
              public.b: {label: B, key: {id: id}, relationships: [{type: A, columns: [a], references: public.a}]}
            """
        let fault = try #require(try parsed(head + tables).examine(against: catalog).faults.first { $0.remedy != nil })
        #expect(fault.message == "fk_a is on some partitions only: rows may refer to rows that are not there")
        #expect(
            fault.remedy?.hasPrefix("ALTER TABLE public.b ADD FOREIGN KEY (\"a\") REFERENCES public.a (\"id\"); Or")
                == true)
    }

    @Test(arguments: ["", ", enforced: false"])
    func `a foreign key about periods names no row`(_ enforced: String) {
        let catalog = Catalog.of(
            .of("public.a", "id int4, at text", key: ["id", "at"]),
            .of(
                "public.b", "id int4, a int4, at text!", key: ["id", "at"],
                references: [.of(["a", "at"], "public.a", ["id", "at"], coverage: .periods)]))
        #expect(
            errors(
                """
                  public.a: {label: A, key: {id: id, at: at}}
                  public.b:
                    label: B
                    key: {id: id, at: at}
                    relationships: [{type: A, columns: [a, at], references: public.a\(enforced)}]
                """, against: catalog) == [
                    "m.yaml:10:41: error: fk_a_at is about periods that cover others: it names no row by equal values"
                ])
    }

    @Test func `a relationship that no constraint guards keeps its columns at the holder`() throws {
        let catalog = Catalog.of(
            .of("public.a", "id int4, part text", key: ["id", "part"]),
            .of(
                "public.b", "id int4, a int8, part text, x int4", key: ["id"],
                references: [.of(["x"], "public.b", ["id"], coverage: .newRows)]))
        let text = """
              public.a: {label: A, key: {id: id, part: part}}
              public.b:
                label: B
                key: {id: id}
                properties: {part: part}
                relationships:
                  - {type: A, columns: [a, part], references: public.a, enforced: false}
                  - {type: X, columns: [x], references: public.b, enforced: false}
            """
        let mapping = try parsed(head + text).resolve(against: catalog)
        let node = try #require(mapping.nodes.last)
        #expect(node.references.map(\.kept) == [["_lockstep_a", "_lockstep_part"], ["_lockstep_x"]])
        #expect(node.properties.map(\.property) == ["part", "_lockstep_a", "_lockstep_part", "_lockstep_x"])
        #expect(mapping.nodes[0].references.isEmpty)
        #expect(
            mapping.constraints.filter { !$0.isUnique }.map(\.statement) == [
                "CREATE INDEX `lockstep_waiting_B__lockstep_a__lockstep_part` IF NOT EXISTS FOR (n:`B`) "
                    + "ON (n.`_lockstep_a`, n.`_lockstep_part`)",
                "CREATE INDEX `lockstep_waiting_B__lockstep_x` IF NOT EXISTS FOR (n:`B`) ON (n.`_lockstep_x`)",
            ])
        // Without the word, a constraint is asked for.
        #expect(
            errors(text.replacing(", enforced: false", with: ""), against: catalog) == [
                "m.yaml:12:29: error: no foreign key leads from public.b (a, part) to public.a",
                "m.yaml:13:29: error: fk_x is NOT VALID: rows may refer to rows that are not there",
            ])
    }

    @Test func `a foreign key to a column that is no property there`() {
        let tables = """
              public.customers: {label: Customer, key: {id: id}}
              public.orders:
                label: Order
                key: {id: id}
                relationships: [{type: A, columns: [customer_code], references: public.customers}]
            """
        #expect(
            errors(tables) == [
                "m.yaml:10:41: error: fk_customer_code refers to public.customers.code, which is no property there"
            ])
    }

    @Test func `columns that print differently cannot name a node`() {
        func catalog(_ holder: String, _ target: String) -> Catalog {
            .of(
                .of("public.t", "id \(target)", key: ["id"]),
                .of("public.h", "id int4, t \(holder)", key: ["id"], references: [.of(["t"], "public.t", ["id"])]))
        }
        func found(_ holder: String, _ target: String, as name: String? = nil) -> [String] {
            let key = name.map { "{property: id, as: \($0)}" } ?? "id"
            return errors(
                "  public.t: {label: T, key: {id: \(key)}}\n"
                    + "  public.h: {label: H, key: {id: id}, relationships: [{type: T, columns: [t], references: public.t}]}",
                against: catalog(holder, target)
            ).map { String($0.drop { $0 != " " }.prefix { $0 != ":" }) }
        }
        let fits = [("int2", "int8"), ("text", "text"), ("numeric.2", "numeric.2"), ("uuid", "uuid")]
        for (holder, target) in fits { #expect(found(holder, target) == [], "\(holder) \(target)") }
        #expect(found("int4", "int8", as: "string") == [])
        #expect(found("int4", "numeric.0", as: "integer") == [])
        #expect(found("numeric.4", "numeric.2", as: "float") == [])
        let differ = [("numeric.4", "numeric.2"), ("int4", "numeric"), ("date", "timestamptz"), ("text", "uuid")]
        for (holder, target) in differ { #expect(found(holder, target) == [" error"], "\(holder) \(target)") }
        #expect(found("numeric", "numeric") == [" warning"])
        #expect(found("citext", "citext") == [" warning"])
    }

    @Test func `joins whose ends are not the key`() {
        let catalog = Catalog.of(
            .of("public.a", "id int4", key: ["id"]),
            .of(
                "public.j", "id int4, x int4!, y int4!", key: ["id"],
                references: [.of(["x"], "public.a", ["id"]), .of(["y"], "public.a", ["id"])]))
        #expect(
            errors(
                """
                  public.a: {label: A, key: {id: id}}
                  public.j:
                    relationship: J
                    from: {columns: [x], references: public.a}
                    to: {columns: [y], references: public.a}
                """, against: catalog) == [
                    "m.yaml:8:19: error: from and to (x, y) is neither the primary key of public.j nor a unique key"
                ])
    }

    @Test func `a column takes only what its type can become`() {
        #expect(
            errors(
                """
                  public.orders:
                    label: Order
                    key: {id: id}
                    properties:
                      placed: {property: placed, as: integer}
                      price: {property: price, as: flaot}
                """) == [
                    "m.yaml:10:38: error: date does not become integer",
                    "m.yaml:11:36: error: numeric(10,2) does not become flaot",
                ])
    }

    @Test func `names that clash or are reserved`() {
        #expect(
            errors(
                """
                  public.customers:
                    label: Thing
                    key: {id: id}
                    properties: {code: id, email: _lockstep_mail}
                  public.products: {labels: [Product, Thing], key: {shop: shop, no: Shop}}
                  public.orders:
                    labels: [LockstepOrder, product]
                    key: {id: id}
                    relationships:
                      - {type: A, columns: [customer_id], references: public.customers}
                      - {type: A, columns: [customer_code], references: public.customers}
                      - {type: "", columns: [customer_id], references: public.customers}
                      - {type: a, columns: [customer_id], references: public.customers, reversed: true}
                """) == [
                    "m.yaml:9:24: error: property id is filled from id and code",
                    "m.yaml:9:35: error: _lockstep_mail: a property that begins with _lockstep is Lockstep's own",
                    "m.yaml:10:39: error: label Thing belongs to public.customers already",
                    "m.yaml:10:69: warning: properties shop and Shop differ only by upper and lower case",
                    "m.yaml:12:14: error: LockstepOrder: a label that begins with Lockstep is Lockstep's own",
                    "m.yaml:12:29: warning: labels Product and product differ only by upper and lower case",
                    "m.yaml:16:16: error: (:LockstepOrder)-[:A]->(:Thing) is made by public.orders already",
                    "m.yaml:17:16: error: a relationship type needs a name",
                    "m.yaml:18:16: warning: relationship types A and a differ only by upper and lower case",
                ])
    }

    @Test func `labels behind the first may be shared, and a reversed relationship is another one`() throws {
        let text =
            head + """
                  public.customers: {labels: [Customer, Party], key: {id: id}, properties: {code: code}}
                  public.orders:
                    labels: [Order, Party]
                    key: {id: id}
                    relationships:
                      - {type: A, columns: [customer_id], references: public.customers}
                      - {type: A, columns: [customer_code], references: public.customers, reversed: true}
                """
        let mapping = try parsed(text).resolve(against: Self.shop)
        #expect(mapping.nodes[1].references.count == 2)
    }

    @Test func `what is worth knowing is said without refusing`() throws {
        let text =
            head + Self.customers
            + "  public.lines: {label: L, key: {order_id: o, shop: s, product: p}, properties: {note: note}}"
        let examination = try parsed(text).examine(against: Self.shop)
        #expect(examination.mapping != nil)
        #expect(
            examination.faults.map(\.description) == [
                "m.yaml:7:82: note: point goes over as the text that PostgreSQL prints",
                "note: table public.orders is not in the mapping\n"
                    + "    run lockstep init again to add it, or write skip: true under it",
                "note: table public.products is not in the mapping\n"
                    + "    run lockstep init again to add it, or write skip: true under it",
            ])
    }

    @Test func `a mapping of nothing is refused`() {
        #expect(errors("  public.orders: {skip: true}") == ["error: m.yaml maps no table"])
    }
}
