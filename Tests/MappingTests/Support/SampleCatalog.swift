// Part of Lockstep. See LICENSE.

import PostgreSQL

@testable import Mapping

// Catalogs as values, so that the rules are tested without a server.
extension Catalog {
    static func of(_ tables: Table..., version: Int = 150_000) -> Catalog { of(tables, version: version) }

    static func of(_ tables: [Table], version: Int = 150_000) -> Catalog {
        let types = SampleType.all.values.map { ($0.type.oid, $0.type) }
        return Catalog(
            serverVersion: version, database: "sample", tables: tables.sorted { $0.name < $1.name },
            types: Dictionary(uniqueKeysWithValues: types))
    }
}

private struct SampleType {
    var type: Catalog.DataType
    var formatted: String
    var modifier: Int32 = -1

    static let all: [String: SampleType] = {
        func base(_ oid: OID, _ name: String, _ formatted: String? = nil, _ modifier: Int32 = -1) -> SampleType {
            SampleType(
                type: Catalog.DataType(oid: oid, schema: "pg_catalog", name: name, kind: .base),
                formatted: formatted ?? name, modifier: modifier)
        }
        var all = [
            "int2": base(21, "int2", "smallint"), "int4": base(23, "int4", "integer"),
            "int8": base(20, "int8", "bigint"), "text": base(25, "text"), "float4": base(700, "float4", "real"),
            "date": base(1082, "date"), "uuid": base(2950, "uuid"), "bool": base(16, "bool", "boolean"),
            "numeric": base(1700, "numeric"), "inet": base(869, "inet"), "jsonb": base(3802, "jsonb"),
            "timestamptz": base(1184, "timestamptz", "timestamp with time zone"), "bytea": base(17, "bytea"),
            "interval": base(1186, "interval"), "point": base(600, "point"),
            "citext": base(90001, "citext"), "vector3": base(90002, "vector", "vector(3)", 3),
        ]
        func array(_ oid: OID, of name: String) -> SampleType {
            SampleType(
                type: Catalog.DataType(
                    oid: oid, schema: "pg_catalog", name: "_" + name, kind: .array(element: all[name]!.type.oid)),
                formatted: all[name]!.formatted + "[]")
        }
        for (oid, name) in [(1007, "int4"), (1187, "interval"), (1231, "numeric")] as [(OID, String)] {
            all[name + "[]"] = array(oid, of: name)
        }
        return all
    }()
}

extension Catalog.Table {
    /// - Parameters:
    ///   - name: As SQL writes it.
    ///   - columns: `name type`, parted by commas; `!` behind the type for NOT NULL, `=` for a generated column, `==` for a virtual one, and
    ///     `numeric.2` for two digits behind the point.
    ///   - key: The primary key.
    ///   - more: Columns whose names hold blanks or commas.
    static func of(
        _ name: String, _ columns: String, key: [String]? = nil, unique: [Catalog.UniqueKey] = [],
        references: [Catalog.ForeignKey] = [], identity: Catalog.ReplicaIdentity = .default,
        more: [Catalog.Column] = []
    ) -> Catalog.Table {
        guard case .name(let table) = TableNameText(name) else { preconditionFailure("\(name) is no table's name") }
        let list = columns.split(separator: ",").map { text in
            let words = text.split(separator: " ")
            return Catalog.Column.of(String(words[0]), String(words[1]), isKey: key?.contains(String(words[0])) == true)
        }
        return Catalog.Table(
            oid: 1, name: table, columns: list + more, primaryKey: key, uniqueKeys: unique, foreignKeys: references,
            replicaIdentity: identity)
    }

    /// As a catalog has it.
    func numbered(_ oid: OID) -> Catalog.Table {
        var table = self
        table.oid = oid
        for index in columns.indices { table.columns[index].number = Int16(index + 1) }
        return table
    }
}

extension Catalog.Column {
    static func of(_ name: String, _ type: String, isKey: Bool = false) -> Catalog.Column {
        let parts = type.filter { !"!=".contains($0) }.split(separator: ".")
        let sample = SampleType.all[String(parts[0])]!
        let scale = parts.count > 1 ? Int32(parts[1]) : nil
        return Catalog.Column(
            name: name, type: sample.type.oid, typeModifier: scale.map { (10 << 16 | $0) + 4 } ?? sample.modifier,
            formattedType: scale.map { "numeric(10,\($0))" } ?? sample.formatted,
            isNotNull: isKey || type.contains("!"), isGenerated: type.contains("="), isVirtual: type.contains("=="))
    }
}

extension Catalog.ForeignKey {
    /// `columns` to `table (referenced)`; the constraint is called `fk_` and the columns.
    static func of(
        _ columns: [String], _ table: String, _ referenced: [String], name: String? = nil,
        coverage: Coverage = .allRows
    ) -> Catalog.ForeignKey {
        guard case .name(let target) = TableNameText(table) else { preconditionFailure("\(table) is no table's name") }
        return Catalog.ForeignKey(
            constraintName: name ?? "fk_" + columns.joined(separator: "_"), columns: columns, referencedTable: target,
            referencedColumns: referenced, coverage: coverage)
    }
}

extension Catalog {
    /// The shape of the well-known Northwind database.
    static let northwind = Catalog.of(
        .of("public.categories", "category_id int2, category_name text!, picture bytea", key: ["category_id"]),
        .of("public.customers", "customer_id text, company_name text!", key: ["customer_id"]),
        .of(
            "public.customer_customer_demo", "customer_id text, customer_type_id text",
            key: ["customer_id", "customer_type_id"],
            references: [
                .of(["customer_type_id"], "public.customer_demographics", ["customer_type_id"]),
                .of(["customer_id"], "public.customers", ["customer_id"]),
            ]),
        .of("public.customer_demographics", "customer_type_id text, customer_desc text", key: ["customer_type_id"]),
        .of(
            "public.employees", "employee_id int2, last_name text!, reports_to int2", key: ["employee_id"],
            references: [.of(["reports_to"], "public.employees", ["employee_id"])]),
        .of(
            "public.order_details", "order_id int2, product_id int2, unit_price float4!, quantity int2!",
            key: ["order_id", "product_id"],
            references: [
                .of(["product_id"], "public.products", ["product_id"]),
                .of(["order_id"], "public.orders", ["order_id"]),
            ]),
        .of(
            "public.orders",
            "order_id int2, customer_id text, employee_id int2, order_date date, ship_via int2, freight float4",
            key: ["order_id"],
            references: [
                .of(["customer_id"], "public.customers", ["customer_id"]),
                .of(["employee_id"], "public.employees", ["employee_id"]),
                .of(["ship_via"], "public.shippers", ["shipper_id"]),
            ]),
        .of(
            "public.products", "product_id int2, product_name text!, category_id int2", key: ["product_id"],
            references: [.of(["category_id"], "public.categories", ["category_id"])]),
        .of("public.shippers", "shipper_id int2, phone text", key: ["shipper_id"]),
        .of("public.us_states", "state_id int2, state_name text", key: ["state_id"]),
        .of("public.audit", "at timestamptz, what jsonb"))
}

/// A mapping file from its text, with nothing in the environment unless given.
func parsed(_ text: String, environment: [String: String] = [:]) throws(MappingError) -> MappingFile {
    try MappingFile.parse(Array(text.utf8), file: "m.yaml", environment: { environment[$0] })
}

/// The faults of a text that must have some, as people see them, without the remedies.
func faults(_ text: String, environment: [String: String] = [:], against catalog: Catalog? = nil) -> [String] {
    do throws(MappingError) {
        let file = try parsed(text, environment: environment)
        guard let catalog else { return [] }
        return file.examine(against: catalog).faults.map(\.firstLine)
    } catch {
        return error.faults.map(\.firstLine)
    }
}

extension MappingFault {
    fileprivate var firstLine: String { String(description.prefix { $0 != "\n" }) }
}

/// The head of a mapping file; tables follow.
let head = """
    version: 1
    pipeline: p
    source: {url: "postgresql://u@h/d"}
    graph: {url: "bolt://h"}
    tables:

    """

let settings = Proposal.Settings(
    pipeline: "north-wind", source: ConnectionURL("postgresql://u@h:5432/northwind"),
    graph: ConnectionURL("bolt://neo4j@127.0.0.1:7687"))
