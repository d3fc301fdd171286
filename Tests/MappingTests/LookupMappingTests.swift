// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

/// Properties and labels from the row of another table.
@Suite struct `A lookup` {
    private static let catalog = Catalog.of(
        .of("public.status", "id int4, name text, hidden text, level int4, final bool, due date", key: ["id"]),
        .of("public.region", "code text, part int4, title text", key: ["code", "part"]),
        .of("public.skipped", "id int4, name text", key: ["id"]),
        .of(
            "public.orders", "id int4, status_id int4, region text, part int4, other int4", key: ["id"],
            references: [.of(["status_id"], "public.status", ["id"])]))

    private static func file(_ lookups: String, status: String = "properties: {name: name}") -> String {
        head + """
              public.status: {label: Status, key: {id: id}, \(status)}
              public.region: {label: Region, key: {code: code, part: part}, properties: {title: title}}
              public.skipped: {skip: true}
              public.orders:
                label: Order
                key: {id: id}
                properties: {other: other}
                lookups: [\(lookups)]

            """
    }

    private static let usual = "{columns: [status_id], references: public.status, properties: {name: status}}"

    private static let labelled =
        "{columns: [status_id], references: public.status, labels: "
        + "[{column: level, values: {1: Low, 2: High, 3: High}}, {column: final, label: Final}, "
        + "{column: name, label: Named}]}"

    private static let levels = "properties: {name: name, level: level, final: isFinal, due: due}"

    private func plan(
        _ lookups: String, status: String = "properties: {name: name}", against catalog: Catalog = catalog
    ) throws -> Plan {
        let file = try parsed(Self.file(lookups, status: status))
        return Plan(mapping: try file.resolve(against: catalog), file: file, catalog: catalog)
    }

    private func errors(_ lookups: String, status: String = "properties: {name: name}") -> [String] {
        faults(Self.file(lookups, status: status), against: Self.catalog).filter { $0.contains("error") }
    }

    @Test func `keeps the columns that name the other row, and finds their holders by an index`() throws {
        let mapping = try plan(Self.usual).mapping
        let order = mapping.nodes[2]
        #expect(order.lookups.map(\.kept) == [["_lockstep_status_id"]])
        #expect(order.lookups.map(\.isEnforced) == [true])
        #expect(order.properties.map(\.property) == ["other", "_lockstep_status_id"])
        #expect(order.columns.map(\.column).contains("status_id"))
        #expect(mapping.constraints.contains { $0.label == "Order" && $0.properties == ["_lockstep_status_id"] })
        #expect(mapping.lookups(of: mapping.nodes[0].table).map(\.holder.label) == ["Order"])
    }

    @Test func `says in its statements what is, whatever was before`() throws {
        let order = try plan(Self.usual).mapping.nodes[2]
        let row = "OPTIONAL MATCH (b:`Status` {`id`: r[%]}) WHERE b.`_lockstepGone` IS NULL"
        #expect(
            order.lookUpStatement(order.lookups[0])
                == "UNWIND $rows AS r MATCH (a:`Order` {`id`: r[0]}) \(row.replacing("%", with: "1")) "
                + "SET a.`status` = b.`name`")
        #expect(
            order.refreshStatement(order.lookups[0])
                == "UNWIND $rows AS r \(row.replacing("%", with: "0")) WITH r, b "
                + "MATCH (a:`Order` {`_lockstep_status_id`: r[0]}) SET a.`status` = b.`name`")
    }

    @Test func `gives a label while the other row passes, and takes it from who had it`() throws {
        let order = try plan(Self.labelled, status: Self.levels).mapping.nodes[2]
        #expect(
            order.lookUpStatement(order.lookups[0]).hasSuffix(
                "WHERE b.`_lockstepGone` IS NULL REMOVE a:`Low`, a:`High`, a:`Final`, a:`Named` "
                    + "FOREACH (i IN CASE WHEN b.`level` IN [1] THEN [1] ELSE [] END | SET a:`Low`) "
                    + "FOREACH (i IN CASE WHEN b.`level` IN [2, 3] THEN [1] ELSE [] END | SET a:`High`) "
                    + "FOREACH (i IN CASE WHEN b.`isFinal` IN [true] THEN [1] ELSE [] END | SET a:`Final`) "
                    + "FOREACH (i IN CASE WHEN b.`name` IS NOT NULL THEN [1] ELSE [] END | SET a:`Named`)"))
        #expect(
            order.forgetStatement(order.lookups[0])
                == "MATCH (a:`Order`) WHERE a:`Low` OR a:`High` OR a:`Final` OR a:`Named` "
                + "REMOVE a:`Low`, a:`High`, a:`Final`, a:`Named`")
        let both = Self.labelled.replacing("labels", with: "properties: {name: status}, labels")
        let other = try plan(both, status: Self.levels).mapping.nodes[2]
        #expect(
            other.forgetSweepStatement(other.lookups[0]).hasSuffix(
                "WITH a LIMIT $limit REMOVE a:`Low`, a:`High`, a:`Final`, a:`Named` SET a.`status` = null "
                    + "RETURN count(*) AS deleted"))
    }

    @Test func `takes a label's values as they are, whatever is in them`() throws {
        let quoted = Self.labelled.replacing("name, label: Named", with: "name, values: {\"it's \\\\ so\": Such}")
        let order = try plan(quoted, status: Self.levels).mapping.nodes[2]
        #expect(order.lookUpStatement(order.lookups[0]).contains(#"WHEN b.`name` IN ['it\'s \\ so'] THEN"#))
        // The graph has them whole, whatever the stream leaves out.
        let long = Self.labelled.replacing("name, label: Named", with: "name, values: {a value of many bytes: Such}")
        #expect(errors(long, status: Self.levels) == [])
    }

    @Test func `has an entry in the plan for each label`() throws {
        let whole = Self.catalog.tables.map { table in
            var table = table
            if table.name.name == "status" { table.replicaIdentity = .full }
            return table
        }
        let plan = try plan(Self.labelled, status: Self.levels + ", softDelete: due", against: .of(whole))
        #expect(
            plan.json.contains(
                #""where": "((SELECT true FROM (SELECT * FROM \"public\".\"status\" WHERE ((\"due\" IS NOT NULL) IS NOT TRUE) "#
                    + #"AND (\"level\" IN ('2', '3'))) AS l WHERE l.\"id\" = t.\"status_id\"))""#))
        #expect(plan.text.contains("  :Low where \"level\" IN ('1') in public.status by status_id"))
        #expect(plan.statements.contains { $0.purpose == "look up :Low, :High, :Final, :Named" })
    }

    @Test func `is a query in the plan, and a line for people`() throws {
        let plan = try plan(
            Self.usual + ", {columns: [region, part], references: public.region, properties: {title: region}, "
                + "enforced: false}")
        #expect(
            plan.json.contains(
                #""expression": "(SELECT l.\"name\" FROM \"public\".\"status\" AS l WHERE l.\"id\" = t.\"status_id\")""#
            ))
        #expect(plan.json.contains(#"WHERE l.\"code\" = t.\"region\" AND l.\"part\" = t.\"part\")"#))
        #expect(plan.text.contains("  name of public.status by status_id -> status (string)"))
        #expect(plan.statements.filter { $0.purpose.contains("take away") }.map(\.table.name) == ["region", "region"])
    }

    @Test func `tells another table from one without it`() throws {
        let orders = QualifiedName(schema: "public", name: "orders")
        let prints = try [Self.usual, "", Self.usual.replacing("name: status", with: "id: status")].map {
            try plan($0).content(of: orders)?.fingerprint
        }
        #expect(Set(prints).count == 3)
        let labels = [Self.labelled, Self.labelled.replacing("3: High", with: "4: High")]
        #expect(try Set(labels.map { try plan($0, status: Self.levels).content(of: orders)?.fingerprint }).count == 2)
    }

    @Test func `is refused where it cannot be`() {
        func lookup(_ table: String, _ properties: String, _ columns: String = "status_id") -> String {
            "{columns: [\(columns)], references: public.\(table), properties: {\(properties)}, enforced: false}"
        }
        #expect(errors(Self.usual) == [])
        let faults: [(String, String)] = [
            (lookup("status", "nam: status"), "table public.status has no column nam"),
            (lookup("status", "hidden: status"), "public.status.hidden is no property there"),
            (lookup("status", "name: other"), "property other is filled from other and name"),
            (lookup("status", "name: _lockstepName"), "a property that begins with _lockstep is Lockstep's own"),
            (
                lookup("status", "name: {property: status, as: string}"),
                "what is looked up is as the node of public.status"
            ),
            (lookup("skipped", "name: status"), "public.skipped is skipped"),
            (lookup("nothing", "name: status"), "has no table public.nothing"),
            (lookup("region", "title: region"), "1 columns stand here, but the key of public.region is (code, part)"),
            (lookup("status", "name: status", "missing"), "table public.orders has no column missing"),
            (lookup("status", ""), "a lookup gives no property"),
            ("{columns: [other], references: public.status, properties: {name: status}}", "no foreign key leads from"),
        ]
        for (lookup, message) in faults {
            #expect(errors(lookup).count == 1 && errors(lookup)[0].contains(message), "\(lookup): \(errors(lookup))")
        }
    }

    @Test(arguments: [
        ("{column: missing, label: A}", "table public.status has no column missing"),
        ("{column: hidden, label: A}", "public.status.hidden is no property there"),
        ("{column: name}", "which labels name of public.status gives is not said"),
        ("{column: level, values: {one: A}}", "this is no value of level"),
        ("{column: due, values: {2024-01-01: A}}", "values of date are not compared"),
        ("{column: level, label: A}, {column: final, label: A}", "label A stands for two columns"),
        ("{column: level, label: Own}", "label Own stands for two columns"),
        ("{column: level, label: Always}", "label Always belongs to public.orders already"),
        ("{column: level, label: Region}", "label Region belongs to"),
        ("{column: level, label: LockstepA}", "is Lockstep's own"),
        ("{column: level, label: A, value: B}", "value"),
    ])
    func `refuses a label that cannot be kept`(label: String, message: String) {
        let lookup = Self.usual.replacing("properties", with: "labels: [\(label)], properties")
        let text = Self.file(lookup, status: Self.levels)
            .replacing("label: Order", with: "labels: [Order, Always, {column: other, label: Own}]")
        let found = faults(text, against: Self.catalog).filter { $0.contains("error") }
        #expect(found.count == 1 && found[0].contains(message), "\(found)")
    }

    @Test(arguments: [
        ("name: name, level: {property: level, as: string}", "{column: level, values: {1: A}}"),
        ("name: name, due: {property: due, otherwise: \"null\"}", "{column: due, label: A}"),
    ])
    func `refuses a label by what the other node does not show`(properties: String, label: String) {
        let lookup = Self.usual.replacing("properties", with: "labels: [\(label)], properties")
        let found = errors(lookup, status: "properties: {\(properties)}")
        #expect(found.count == 1 && found[0].contains("labels go by what the nodes of public.status have"), "\(found)")
    }

    @Test func `names the node's key, and no row that counts equal ones`() {
        let byName = Self.usual.replacing("properties", with: "enforced: false, properties")
        #expect(errors(byName, status: "properties: {name: name}").isEmpty)
        let keyless = Self.catalog.tables.map { table in
            var table = table
            if table.name.name == "orders" { (table.primaryKey, table.replicaIdentity) = (nil, .full) }
            return table
        }
        let file = Self.file(byName).replacing(
            "    key: {id: id}\n    prop", with: "    distinct: {digest: d, count: n}\n    prop")
        let found = faults(file, against: .of(keyless)).filter { $0.contains("error") }
        #expect(
            found.count == 1 && found[0].contains("lookups is not for a table whose equal rows are counted"),
            "\(found)")
    }

    // MARK: Tables that change

    private static func catalog(_ name: String?, holding column: String = "status_id") -> Catalog {
        func table(_ name: String, _ oid: OID, _ columns: [(Int16, String)]) -> Catalog.Table {
            let list = columns.map { number, name in
                var column = Catalog.Column(name: name, type: 23, formattedType: "integer", isNotNull: number == 1)
                column.number = number
                return column
            }
            return Catalog.Table(
                oid: oid, name: QualifiedName(schema: "public", name: name), columns: list, primaryKey: ["id"])
        }
        let status = [(1, "id")] + (name.map { [(Int16(2), $0)] } ?? [])
        return .of([
            table("status", 10, status), table("orders", 20, [(1, "id"), (2, column)]),
        ])
    }

    private func evolved(to now: Catalog) throws -> (evolution: SchemaEvolution, mapping: GraphMapping) {
        let file = try parsed(
            head.replacing("tables:", with: "schemaChanges: {columnDropped: apply}\ntables:") + """
                  public.status: {label: Status, key: {id: id}, properties: {name: name}}
                  public.orders:
                    label: Order
                    key: {id: id}
                    lookups:
                    - {columns: [status_id], references: public.status, properties: {name: status}, enforced: false, labels: [{column: name, values: {1: One}}]}

                """)
        let memory = SchemaEvolution(file, memory: [], catalog: Self.catalog("name")).memory
        let evolution = SchemaEvolution(file, memory: memory, catalog: now)
        return (
            evolution, try evolution.file.resolve(against: now, evolution, memory: evolution.memory, at: nil)
        )
    }

    @Test func `follows columns that are called otherwise, on both sides`() throws {
        let now = Self.catalog("title", holding: "state_id")
        let order = try evolved(to: now).mapping.nodes[1]
        #expect(order.lookups.map(\.columns) == [["title", "title"]])
        #expect(order.lookups.map { $0.target.key.map(\.column) } == [["state_id"]])
        // Nodes that are there have it under this name.
        #expect(order.lookups.map(\.kept) == [["_lockstep_status_id"]])
    }

    @Test func `goes with its column`() throws {
        let (evolution, mapping) = try evolved(to: Self.catalog(nil))
        #expect(mapping.nodes[1].lookups.isEmpty && evolution.changes.map(\.what) == ["column name is gone"])
    }
}
