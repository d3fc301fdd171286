// Part of Lockstep. See LICENSE.

import Foundation
import PostgreSQL
import Testing

@testable import Mapping

/// Policies and parts, from the mapping file to the plan.
struct PolicyFileTests {
    private static let catalog = Catalog.of(
        .of(
            "public.a", "id numeric, born date, tags int4[], doc jsonb, price numeric, t text, z timestamptz",
            key: ["id"]),
        .of(
            "public.b", "id int4, a numeric", key: ["id"],
            references: [.of(["a"], "public.a", ["id"])]))

    private static let right = """
          public.a:
            label: A
            key: {id: {property: id, as: integer, scale: 2}}
            properties:
              born: {property: born, years: [-43, 9999], otherwise: null}
              tags: {property: tags, nulls: drop, dimensions: flatten, otherwise: string}
              doc:
                property: doc
                parts:
                  a.b: ab
                  n: {property: n, as: integer, otherwise: string}
              price: {property: price, as: integer, scale: 2, otherwise: nearest}
          public.b:
            label: B
            key: {id: id}
            relationships:
              - {type: A, columns: [a], references: public.a}
        """

    @Test func `a file's policies reach the conversions`() throws {
        let mapping = try parsed(head + Self.right).resolve(against: Self.catalog)
        let node = mapping.nodes[0]
        #expect(node.key[0].conversion.description == "integer, scale 2")
        #expect(
            node.properties.map { "\($0.column) -> \($0.property): \($0.conversion)" } == [
                "born -> born: date, years -43 to 9999, otherwise null",
                "tags -> tags: list<integer>, nulls drop, dimensions flatten, otherwise string",
                "doc -> doc: string", "doc -> ab: string", "doc -> n: integer, otherwise string",
                "price -> price: integer, scale 2, otherwise nearest",
            ])
        #expect(node.properties.map(\.conversion.part) == [nil, nil, nil, .path(["a", "b"]), .path(["n"]), nil])
        #expect(mapping.nodes[1].references[0].target.key[0].conversion == node.key[0].conversion)
    }

    @Test func `the plan's JSON names each policy, and both entries of a property of two types`() throws {
        let file = try parsed(head + Self.right)
        let plan = Plan(mapping: try file.resolve(against: Self.catalog), file: file, catalog: Self.catalog)
        let document = try JSONSerialization.jsonObject(with: Data(plan.json.utf8)) as? [String: Any]
        let nodes = try #require(document?["nodes"] as? [[String: Any]])
        let properties = try #require(nodes[0]["properties"] as? [[String: Any]])
        // The arrays are one entry: every one fits once it is flat and has no NULLs.
        #expect(
            properties.map { "\($0["property"] ?? "") \($0["as"] ?? "") \($0["otherwise"] ?? "")" } == [
                "born date null", "tags list<integer> string", "doc string ", "ab string ", "n integer string",
                "n string string", "price integer nearest",
            ])
        #expect(properties[0]["years"] as? [Int] == [-43, 9999])
        #expect(
            properties[0]["expression"] as? String
                == #"CASE WHEN t."born" BETWEEN '0044-01-01 BC' AND '9999-12-31' THEN t."born" END"#)
        #expect(properties[1]["nulls"] as? String == "drop")
        #expect(properties[1]["dimensions"] as? String == "flatten")
        #expect(properties[3]["part"] as? String == "a.b")
        #expect(properties[3]["expression"] as? String == #"(t."doc" #>> ARRAY['a', 'b'])"#)
        #expect((nodes[0]["key"] as? [[String: Any]])?[0]["scale"] as? Int == 2)
        #expect(plan.text.contains("price (numeric) -> price (integer, scale 2, otherwise nearest)"))
        #expect(plan.text.contains("doc part a.b (jsonb) -> ab (string)"))
    }

    @Test func `policies that are misspelt or mean nothing are faults`() {
        func errors(_ property: String) -> [String] {
            faults(
                head + "  public.a:\n    label: A\n    key: {id: id}\n    properties:\n      \(property)\n",
                against: Self.catalog
            ).filter { !$0.contains("note: ") }.map { String($0.drop { $0 != " " }.dropFirst()) }
        }
        #expect(
            errors("born: {property: born, otherwise: nothing}")
                == ["error: otherwise is one of error, null, string, nearest"])
        #expect(errors("born: {property: born, otherwise: ~}").count == 1)
        #expect(errors("born: {property: born, otherwise: null}") == [])
        #expect(errors("t: {property: t, otherwise: null}") == ["error: every text as string fits"])
        #expect(
            errors("tags: {property: t, otherwise: nearest}") == [
                "error: integer[] as list<integer> has no nearest value"
            ])
        #expect(errors("born: {property: b, nulls: drop}") == ["error: date as date has no NULLs inside"])
        #expect(
            errors("doc: {parts: {a: {property: a, dimensions: flatten}}}") == [
                "error: jsonb as string has no dimensions"
            ])
        #expect(errors("price: {property: p, scale: 2}") == ["error: numeric as string takes no scale"])
        #expect(
            errors("price: {property: p, as: integer, scale: 19}") == [
                "error: scale is a number of decimal places, 0 to 18"
            ])
        #expect(errors("price: {property: p, years: [1, 2]}") == ["error: numeric as string has no years"])
        for years in ["[1]", "[2, 1]", "[1, x]", "[-5000, 1]"] {
            #expect(
                errors("born: {property: b, years: \(years)}")
                    == ["error: years is the first and the last year that fit, between -4712 and 5874897"])
        }
        #expect(errors("born: {property: b, zone: UTC}") == ["error: date as date has no zone"])
        #expect(errors("z: {property: z, as: string, zone: UTC}").count == 1)
        for zone in ["UTC", "\"+05:30\"", "\"-18:00\"", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            #expect(errors("z: {property: z, zone: \(zone)}") == [], "\(zone)")
        }
        for zone in ["\"+5\"", "\"+18:30\"", "\"+05:60\"", "\"'x'\"", "\"\"", "[a]"] {
            #expect(errors("z: {property: z, zone: \(zone)}").count == 1, "\(zone)")
        }
        #expect(errors("t: {parts: {a: b}}") == ["error: text has no part a"])
        #expect(errors("doc: {parts: {a.: b}}") == ["error: jsonb has no part a."])
        #expect(errors("doc: {parts: {a: {property: b, as: date}}}") == ["error: jsonb does not become date"])
        #expect(errors("doc: {property: x, parts: {a: x}}") == ["error: property x is filled from doc and doc"])
        #expect(errors("doc: {parts: {a: {as: integer}}}") == ["error: a has no property"])
    }

    @Test func `a key takes no policy that could let two rows meet`() {
        func errors(_ key: String, _ more: String = "") -> [String] {
            faults(head + "  public.a:\n    label: A\n    key: {id: \(key)}\n\(more)", against: Self.catalog)
                .filter { !$0.contains("note: ") }
        }
        #expect(
            errors("{property: id, as: integer, otherwise: nearest}")
                == ["m.yaml:8:54: error: id is a key, and a key goes over whole and exactly"])
        #expect(errors("{property: id, as: integer, scale: 3}") == [])
    }
}
