// Part of Lockstep. See LICENSE.

import Mapping
import Pipeline
import PostgreSQL

/// A small database and its mapping, for tests.
enum Shop {
    static let schema = """
        CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
        CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int REFERENCES customers, address line);
        INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bob');
        INSERT INTO orders VALUES (10, 1, '{1,2,3}'), (11, 2, NULL);
        """

    static let tables = """
          public.customers:
            label: Customer
            key: {id: customerId}
            properties: {name: name}
          public.orders:
            label: Order
            key: {id: orderId}
            properties: {address: address}
            relationships:
              - {type: PLACED_BY, columns: [customer_id], references: public.customers}

        """

    static func yaml(source: String, graph: String, more: String = "") -> String {
        """
        version: 1
        pipeline: shop
        source: {url: "\(source)"}
        graph: {url: "\(graph)", password: "${GRAPH_PASSWORD}"}
        tables:

        """ + tables + more
    }

    static func reading(
        source: String = "postgresql://lockstep@127.0.0.1/shop", graph: String = "bolt://127.0.0.1:7687",
        password: String = "", more: String = ""
    ) -> MappingReading {
        MappingFile.read(Array(yaml(source: source, graph: graph, more: more).utf8), file: "shop.yaml") { name in
            name == "GRAPH_PASSWORD" ? password : nil
        }
    }

    /// What the schema above looks like in `pg_catalog`.
    static let catalog: Catalog = {
        func column(_ name: String, _ type: OID, _ formatted: String, isNotNull: Bool = false) -> Catalog.Column {
            Catalog.Column(name: name, type: type, formattedType: formatted, isNotNull: isNotNull)
        }
        let customers = QualifiedName(schema: "public", name: "customers")
        let types: [(OID, String)] = [(20, "int8"), (23, "int4"), (25, "text"), (628, "line")]
        return Catalog(
            serverVersion: 150_000, database: "shop",
            tables: [
                Catalog.Table(
                    oid: 1, name: customers,
                    columns: [
                        column("id", 23, "integer", isNotNull: true), column("name", 25, "text", isNotNull: true),
                    ],
                    primaryKey: ["id"]),
                Catalog.Table(
                    oid: 2, name: QualifiedName(schema: "public", name: "orders"),
                    columns: [
                        column("id", 20, "bigint", isNotNull: true), column("customer_id", 23, "integer"),
                        column("address", 628, "line"),
                    ],
                    primaryKey: ["id"],
                    foreignKeys: [
                        Catalog.ForeignKey(
                            constraintName: "orders_customer_id_fkey", columns: ["customer_id"],
                            referencedTable: customers, referencedColumns: ["id"])
                    ]),
            ],
            types: Dictionary(
                uniqueKeysWithValues: types.map {
                    ($0.0, Catalog.DataType(oid: $0.0, schema: "pg_catalog", name: $0.1, kind: .base))
                }))
    }()

    static func plan() throws -> Plan {
        guard let file = reading().file else { throw MappingError(faults: reading().faults) }
        return Plan(mapping: try file.resolve(against: catalog), file: file, catalog: catalog)
    }
}

extension [PreflightFinding] {
    /// Severity and text, for comparing with the beginning of one.
    func contains(_ severity: PreflightFinding.Severity, _ part: String) -> Bool {
        contains { $0.severity == severity && $0.what.contains(part) }
    }

    /// The fix of the first finding with that text in it.
    func fix(_ part: String) -> String? { first { $0.what.contains(part) }?.fix }
}
