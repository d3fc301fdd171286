// Part of Lockstep. See LICENSE.

import Bolt
import PostgreSQL
import Testing

@testable import Mapping

struct MappingFileTests {
    @Test func `a whole file is read`() throws {
        let text = """
            # comments explain each decision
            version: 1
            pipeline: northwind
            source:
              url: postgresql://user@host:5432/northwind
              slot: lockstep_northwind
              publication: "the publication"
              spool: /srv/spool
            graph:
              url: bolt://neo4j@127.0.0.1:7688/shop
              password: ${LOCKSTEP_GRAPH_PASSWORD}
            batch: {rows: 500, bytes: 1MiB, wholeRows: 7, wholeBytes: 1GiB}
            tables:
              public.orders:
                labels: [Order, Document]
                key: {order_id: orderId}
                properties:
                  order_date: orderDate
                  freight: {property: freight, as: float}
                relationships:
                  - {type: CUSTOMER, columns: [customer_id], references: public.customers, reversed: true}
                exclude: [secret]
              public."Order Details":
                relationship: ORDER_DETAILS
                from: {columns: [order_id], references: public.orders}
                to:   {columns: [product_id], references: Public.Products}
                properties: {quantity: quantity}
              public.audit:
                skip: true
            """
        let file = try parsed(text, environment: ["LOCKSTEP_GRAPH_PASSWORD": "hunter2"])
        #expect(file.pipeline == "northwind")
        #expect(file.source.url.revealed == "postgresql://user@host:5432/northwind")
        #expect(file.source.slot == "lockstep_northwind")
        #expect(file.source.publication == "the publication")
        #expect(
            file.graph.configuration
                == BoltConfiguration(host: "127.0.0.1", port: 7688, user: "neo4j", database: "shop"))
        #expect(file.graph.password?.revealed == "hunter2")
        #expect(file.batch.rows == 500)
        #expect(file.batch.bytes == 1 << 20)
        #expect(file.batch.wholeRows == 7)
        #expect(file.batch.wholeBytes == 1 << 30)
        #expect(file.source.spool == "/srv/spool")

        let orders = QualifiedName(schema: "public", name: "orders")
        let customer = ReferenceEntry(
            type: Located("CUSTOMER"),
            end: EndEntry(
                columns: [Located("customer_id")],
                references: Located(QualifiedName(schema: "public", name: "customers"))),
            isReversed: true)
        #expect(
            file.tables == [
                TableEntry(
                    table: Located(orders),
                    role: .node(
                        NodeEntry(
                            labels: [Located("Order"), Located("Document")],
                            key: [ColumnEntry(column: Located("order_id"), property: Located("orderId"))],
                            properties: [
                                ColumnEntry(column: Located("order_date"), property: Located("orderDate")),
                                ColumnEntry(
                                    column: Located("freight"), property: Located("freight"),
                                    graphType: Located("float")),
                            ],
                            references: [customer])),
                    excluded: [Located("secret")]),
                TableEntry(
                    table: Located(QualifiedName(schema: "public", name: "Order Details")),
                    role: .join(
                        JoinEntry(
                            type: Located("ORDER_DETAILS"),
                            from: EndEntry(columns: [Located("order_id")], references: Located(orders)),
                            to: EndEntry(
                                columns: [Located("product_id")],
                                references: Located(QualifiedName(schema: "public", name: "products"))),
                            properties: [ColumnEntry(column: Located("quantity"), property: Located("quantity"))]))),
                TableEntry(table: Located(QualifiedName(schema: "public", name: "audit")), role: .skip),
            ])
        #expect(file.tables[0].table.position?.description == "m.yaml:14:3")
    }

    @Test func `what is left out has its default`() throws {
        let file = try parsed(head + "  public.a: {skip: true}")
        #expect(file.source.slot == "lockstep_p")
        #expect(file.source.publication == "lockstep_p")
        #expect(file.graph.password == nil)
        #expect(file.graph.configuration.port == 7687)
        #expect(file.batch == BatchSettings())
        #expect(file.source.spool == "/var/tmp")
    }

    @Test func `every fault is reported at once, in the order of the file`() {
        let text = """
            version: 2
            pipelin: northwind
            source:
              url: postgresql://user:hunter2@host/northwind
              slot: Lock-Step
              ports: 3
            graph:
              url: bold://h
              password: hunter2
            batch: {rows: none, bytes: 1TB, wholeRows: 0}
            tables:
              orders: {skip: true}
              public.a:
                key: id
                properties: {x: }
              public.b:
                label: B
                key: {}
                propertys: {x: y}
              public.c: {skip: true, label: C}
              public.d:
                label: D
                key: {id: {as: integer, propety: id}}
                relationships:
                  - {type: X, columns: x, references: public.a}
                  - {columns: [], references: public.a.b.c}
                  - 17
              public.e:
                relationship: E
                from: {columns: [a], references: public.a}
                label: E
              public.c: {skip: yes}
              PUBLIC.B: {skip: true}
            """
        #expect(
            faults(text) == [
                "m.yaml:1:1: error: the file has no pipeline",
                "m.yaml:1:10: error: version 2 of the format is not known",
                "m.yaml:2:1: error: the file knows no key \"pipelin\"",
                "m.yaml:4:8: error: the source's URL holds a password",
                "m.yaml:5:9: error: a slot's name is made of lower-case letters, digits and _, up to 63",
                "m.yaml:6:3: error: source knows no key \"ports\"",
                "m.yaml:8:8: error: the graph URL has the scheme 'bold'; use bolt://, or bolt+s:// for TLS",
                "m.yaml:9:13: error: a password stands in the file",
                "m.yaml:10:15: error: rows is a number from 1 to 100000",
                "m.yaml:10:28: error: bytes is a size from 64KiB to 64MiB",
                "m.yaml:10:44: error: wholeRows is a number from 1 to 10000000",
                "m.yaml:12:3: error: orders has no schema",
                "m.yaml:14:5: error: public.a has no label",
                "m.yaml:14:10: error: key is a mapping of names to values, not a single value",
                "m.yaml:15:21: error: the property of x is a single value, not nothing",
                "m.yaml:18:10: error: the key has no columns",
                "m.yaml:19:5: error: public.b knows no key \"propertys\"",
                "m.yaml:20:14: error: public.c is skipped and mapped",
                "m.yaml:23:15: error: id has no property",
                "m.yaml:23:29: error: id knows no key \"propety\"",
                "m.yaml:25:28: error: columns is a list, not a single value",
                "m.yaml:26:9: error: a relationship has no type",
                "m.yaml:26:19: error: columns is empty",
                "m.yaml:26:35: error: public.a.b.c is no name of a table",
                "m.yaml:27:9: error: a relationship is a mapping of names to values, not a single value",
                "m.yaml:29:5: error: public.e has no to",
                "m.yaml:31:5: error: public.e knows no key \"label\"",
                "m.yaml:32:3: error: public.c stands here twice",
                "m.yaml:33:3: error: public.b stands here twice",
            ])
    }

    @Test func `faults say what to do`() {
        let text =
            head + """
                  public.a: {label: A, key: {id: id}, propertys: {}}
                  orders: {skip: true}
                """
        do throws(MappingError) {
            _ = try parsed(text)
            Issue.record("it was read")
        } catch {
            #expect(
                error.description == """
                    m.yaml:6:39: error: public.a knows no key "propertys"
                        did you mean properties?
                    m.yaml:7:3: error: orders has no schema
                        write public.orders
                    """)
        }
    }

    @Test func `a password never shows`() throws {
        let text =
            head.replacing("bolt://h\"", with: "${GRAPH}\"").replacing("postgresql://u@h/d", with: "${SOURCE}")
            + "  public.a: {skip: true}"
        let file = try parsed(
            text,
            environment: ["GRAPH": "bolt://u:hunter2@h", "SOURCE": "host=h user=u password='hunter 2' dbname=d"])
        #expect(file.graph.password?.revealed == "hunter2")
        #expect(file.source.url.revealed.contains("hunter 2"))
        #expect(file.source.url.description == "host=h user=u password=*** dbname=d")
        var dumped = ""
        dump(file, to: &dumped)
        for shown in [dumped, "\(file)", String(reflecting: file)] { #expect(!shown.contains("hunter")) }
    }

    @Test func `variables are taken from the environment`() throws {
        let expansion = VariableExpansion(environment: { ["A": "1", "EMPTY": ""][$0] })
        let cases = [
            ("x", "x"), ("${A}", "1"), ("a${A}b${A}", "a1b1"), ("${NONE:-d}", "d"), ("${EMPTY:-d}", "d"),
            ("${EMPTY}", ""), ("${A:-d}", "1"), ("$A $ $$ $${A}", "$A $ $ ${A}"), ("${NONE:-}", ""),
            ("${NONE:-a:b}", "a:b"),
        ]
        for (text, expected) in cases { #expect(try expansion.expand(text) == expected) }
        for text in ["${NONE}", "${A", "${}", "${1A}", "${A-B}"] {
            #expect(throws: VariableExpansion.Failure.self) { try expansion.expand(text) }
        }
        let text = head.replacing("pipeline: p", with: "pipeline: ${NONE}") + "  public.a: {skip: true}"
        #expect(faults(text) == ["m.yaml:2:11: error: the environment has no variable NONE"])
    }

    @Test(arguments: [
        ("postgresql://u:p@h/d", "postgresql://u:***@h/d", "postgresql://u@h/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d", "postgresql://u@h/d"),
        (
            "postgresql://h:5432/d?user=u&password=p", "postgresql://h:5432/d?user=u&password=***",
            "postgresql://h:5432/d?user=u"
        ),
        ("postgresql://h/d?password=p", "postgresql://h/d?password=***", "postgresql://h/d"),
        ("postgresql://u:a/b@h/d", "postgresql://u:***@h/d", "postgresql://u@h/d"),
        ("postgresql://u:a@b@h/d", "postgresql://u:***@h/d", "postgresql://u@h/d"),
        ("postgresql://[::1]:5432/d", "postgresql://[::1]:5432/d", "postgresql://[::1]:5432/d"),
        ("postgresql://a:1,b:2/d", "postgresql://a:1,b:2/d", "postgresql://a:1,b:2/d"),
        ("host=h password=p port=1", "host=h password=*** port=1", "host=h port=1"),
        ("host=h dbname=d", "host=h dbname=d", "host=h dbname=d"), ("service", "service", "service"),
    ])
    func `a URL hides its password`(url: String, shown: String, bare: String) {
        #expect(ConnectionURL(url).description == shown)
        #expect(ConnectionURL(url).withoutPassword.revealed == bare)
        #expect(ConnectionURL(url).holdsPassword == (url != shown))
    }

    @Test(arguments: [
        ("{url: 'bolt+s://h'}", BoltTLS.Trust.system), ("{url: 'neo4j+ssc://h'}", .anybody), ("{url: 'bolt://h'}", nil),
        ("{url: 'neo4j+s://h', tls: {ca: '${DIR}/ca.pem'}}", .authorities(files: ["/etc/x/ca.pem"])),
    ])
    func `the graph's URL says whom to trust, and a file may`(graph: String, trust: BoltTLS.Trust?) throws {
        let text = head.replacing("graph: {url: \"bolt://h\"}", with: "graph: \(graph)")
        let file = try parsed(text + "  public.a: {skip: true}", environment: ["DIR": "/etc/x"])
        #expect(file.graph.configuration.tls?.trust == trust)
    }

    @Test(arguments: [
        ("{url: 'bolt://h', tls: {ca: ca.pem}}", "tls.ca"), ("{url: 'bolt+ssc://h', tls: {ca: ca.pem}}", "tls.ca"),
        ("{url: 'bolt+s://h', tls: {}}", "ca"), ("{url: 'http://h'}", "scheme 'http'"), ("{url: 'bolt://h:0'}", "port"),
    ])
    func `what the graph's URL cannot be is said`(graph: String, words: String) throws {
        let text = head.replacing("graph: {url: \"bolt://h\"}", with: "graph: \(graph)")
        let error = #expect(throws: MappingError.self) { try parsed(text + "  public.a: {skip: true}") }
        #expect(error?.faults.contains { $0.message.contains(words) } == true, "\(String(describing: error))")
    }

    @Test func `sizes are read and written`() {
        let cases: [(String, Int?)] = [
            ("0", 0), ("65536", 65536), ("64KiB", 65536), ("4 MiB", 4 << 20), ("1gib", 1 << 30), ("1kB", 1000),
            ("1MB", 1_000_000), ("7B", 7), ("", nil), ("MiB", nil), ("-1", nil), ("1.5MiB", nil), ("1TiB", nil),
            ("99999999999GiB", nil),
        ]
        for (text, bytes) in cases { #expect(ByteSize.parse(text) == bytes) }
        #expect(
            [65536, 4 << 20, 1000, 1 << 30, 1025].map(ByteSize.describe) == ["64KiB", "4MiB", "1000", "1GiB", "1025"])
    }

    @Test func `names of tables are read by the rules of SQL`() {
        func name(_ schema: String, _ name: String) -> TableNameText {
            .name(QualifiedName(schema: schema, name: name))
        }
        #expect(TableNameText("public.orders") == name("public", "orders"))
        #expect(TableNameText("Public.Orders") == name("public", "orders"))
        #expect(TableNameText("a.\"B c\"") == name("a", "B c"))
        #expect(TableNameText("\"a.b\".\"c\"\"d\"") == name("a.b", "c\"d"))
        #expect(TableNameText("Ä.ÖB") == name("Ä", "Öb"))
        #expect(TableNameText("orders") == .withoutSchema("orders"))
        for wrong in ["", ".", "a.", ".a", "a.b.c", "\"a", "a.\"\"", "a\"b\"", "\"a\"b"] {
            #expect(TableNameText(wrong) == .malformed, "\(wrong)")
        }
        for original in [QualifiedName(schema: "a b", name: "C\"d"), QualifiedName(schema: "x", name: "y.z")] {
            #expect(TableNameText(original.description) == .name(original))
        }
    }

    @Test func `the name that was meant is found`() {
        let names = ["properties", "relationships", "label", "labels", "key"]
        #expect(Suggestion.nearest(to: "propertys", among: names) == "properties")
        #expect(Suggestion.nearest(to: "LABEL", among: names) == "label")
        #expect(Suggestion.nearest(to: "lable", among: names) == "label")
        #expect(Suggestion.nearest(to: "ky", among: names) == "key")
        #expect(Suggestion.nearest(to: "something", among: names) == nil)
        #expect(Suggestion.nearest(to: "", among: names) == nil)
    }
}
