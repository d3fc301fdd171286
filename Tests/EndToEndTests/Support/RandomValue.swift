// Part of Lockstep. See LICENSE.

import PostgreSQL

/// Values of every type that a column of ``RandomSchema`` can have, as expressions of SQL.
///
/// Only values that every graph server takes without a policy: no infinite dates, no NULLs in arrays.
struct RandomValue {
    var dice: Dice

    /// - Returns: Nil for a type that is not known here.
    mutating func expression(of column: SchemaShape.Column) -> String? {
        switch column.type {
        case "text", "varchar", "bpchar", "citext", "name":
            return cast(QualifiedName.literal(text(column)), column.type)
        default: break
        }
        if let known = scalar(column.type) { return known }
        switch column.category {
        case "E": return "(enum_range(NULL::\(quoted(column.type))))[\(1 + dice.pick(3))]"
        case "C": return "ROW(\(dice.pick(100)), 'b, \(dice.pick(9))')::\(quoted(column.type))"
        // A domain over a number.
        case "N": return "\(dice.pick(10_000)).\(10 + dice.pick(90))"
        case "A": return list(of: column)
        default: return nil
        }
    }

    private mutating func list(of column: SchemaShape.Column) -> String? {
        let element = String(column.type.dropFirst())
        if dice.percent(20) { return "'{}'" }
        if element == "mood" { return "enum_range(NULL::mood)" }
        if element == "text" { return "ARRAY['a,\(dice.pick(9))', '\"', '', 'ü']" }
        guard let first = scalar(element), let second = scalar(element) else { return "'{}'" }
        return "ARRAY[\(first), \(second)]::\(quoted(column.type))"
    }

    /// A value that differs from row to row, for keys of rows that are made by `generate_series(…) AS g`.
    mutating func series(of column: SchemaShape.Column) -> String? {
        let offset = dice.pick(1_000_000_000)
        switch column.type {
        case "int4", "int8": return "g + \(offset)"
        case "int2": return "g % 30000"
        case "numeric": return "g + \(offset).25"
        case "uuid": return "md5((g + \(offset))::text)::uuid"
        case "text": return "'g' || (g + \(offset))"
        case "varchar", "bpchar": return "left(to_hex(g + \(offset)), \(column.length ?? 30))"
        case "date": return "date '1900-01-01' + g"
        case "timestamptz": return "timestamptz '1950-01-01' + g * interval '1.5 seconds'"
        case "bool": return "g % 2 = 0"
        default: return nil
        }
    }

    private mutating func scalar(_ type: String) -> String? { number(type) ?? moment(type) ?? other(type) }

    private mutating func number(_ type: String) -> String? {
        switch type {
        case "int2": return String(dice.pick(60_000) - 30_000)
        case "int4", "int8": return String(dice.pick(2_000_000_000) - 1_000_000_000)
        case "numeric": return "\(dice.pick(10_000)).\(10 + dice.pick(90))"
        case "float4", "float8":
            return cast(dice.one(of: ["0.1", "-1e-30", "'NaN'", "'-Infinity'", "123456.75", "0"]), type)
        case "money": return "'\(dice.pick(10_000)).\(10 + dice.pick(90))'::money"
        case "bool": return dice.percent(50) ? "true" : "false"
        case "oid", "xid": return "'\(dice.pick(1 << 32))'::\(type)"
        case "xid8": return "'\(dice.pick(1 << 40))'::xid8"
        case "cid": return "'\(dice.pick(1 << 20))'::cid"
        case "tid": return "'(\(dice.pick(1000)),\(1 + dice.pick(90)))'::tid"
        case "pg_lsn": return "'\(dice.pick(9))/\(10 + dice.pick(80))'::pg_lsn"
        case "int2vector", "oidvector": return "'\(dice.pick(99)) \(dice.pick(99))'::\(type)"
        case "pg_snapshot", "txid_snapshot": return "'\(10 + dice.pick(9)):30:\(20 + dice.pick(9))'::\(type)"
        default: return nil
        }
    }

    private mutating func moment(_ type: String) -> String? {
        switch type {
        case "date": return "date '2000-01-01' + \(dice.pick(20_000) - 10_000)"
        case "timestamp", "timestamptz":
            return "\(type) '2000-01-01 12:00' + \(dice.pick(2_000_000_000)) * interval '0.123457 seconds'"
        case "interval":
            return "\(dice.pick(100_000)) * interval '1 minute 0.5 seconds' + interval '\(dice.pick(50)) months'"
        case "time": return "time '00:00' + \(dice.pick(86_399)) * interval '1.000011 seconds'"
        case "timetz": return "timetz '00:00+05:30' + \(dice.pick(86_399)) * interval '1 second'"
        case "int4range", "int8range", "numrange": return "\(type)(\(dice.pick(100)), \(100 + dice.pick(100)))"
        case "int4multirange", "int8multirange", "nummultirange":
            return "'{[1,3), [\(10 + dice.pick(100)),200)}'::\(type)"
        case "daterange": return "daterange('2000-01-01', date '2001-01-01' + \(dice.pick(100)))"
        case "tsrange", "tstzrange": return "'[2000-01-01 10:00,2001-01-\(10 + dice.pick(20)))'::\(type)"
        case "datemultirange", "tsmultirange", "tstzmultirange":
            return "'{[2000-01-01,2001-01-\(10 + dice.pick(20)))}'::\(type)"
        default: return nil
        }
    }

    private mutating func other(_ type: String) -> String? {
        let n = dice.pick(100)
        switch type {
        case "uuid": return "'\(hexadecimal(16))'::uuid"
        case "bytea": return "'\\x\(hexadecimal(dice.pick(40)))'::bytea"
        case "inet", "cidr": return "\(type) '10.\(n).\(dice.pick(256)).0/24'"
        case "macaddr": return "macaddr '08:00:2b:01:02:\(10 + dice.pick(80))'"
        case "macaddr8": return "macaddr8 '08:00:2b:01:02:03:04:\(10 + dice.pick(80))'"
        case "bit": return "B'\(bits(5))'"
        case "varbit": return "B'\(bits(dice.pick(12)))'::varbit"
        case "char": return "'\(UnicodeScalar(UInt8(65 + dice.pick(26))))'::\"char\""
        case "point": return "point(\(n), \(dice.pick(1000)).5)"
        case "line": return "'{\(1 + n),2,3}'::line"
        case "lseg": return "'[(0,0),(\(n),1.5)]'::lseg"
        case "box": return "'(3,\(n)),(1,0)'::box"
        case "path": return "'[(0,0),(\(n),1),(2,2)]'::path"
        case "polygon": return "'((0,0),(\(n),1),(2,2))'::polygon"
        case "circle": return "'<(0,\(n)),2.5>'::circle"
        case "json", "jsonb": return cast(QualifiedName.literal("{\"n\": \(n), \"t\": \"ü\"}"), type)
        case "jsonpath": return "'$.a[*] ? (@ > \(n))'::jsonpath"
        case "xml": return "'<a n=\"\(n)\">&lt;</a>'::xml"
        case "tsvector": return "to_tsvector('simple', 'the quick \(n)')"
        case "tsquery": return "'quick & fox\(n)'::tsquery"
        case "regclass": return dice.percent(50) ? "'pg_class'::regclass" : "'pg_type'::regclass"
        case "regtype": return dice.percent(50) ? "'int4'::regtype" : "'text[]'::regtype"
        case "refcursor": return "'cursor \(n)'::refcursor"
        case "hstore": return "'a=>\(n), \"b c\"=>NULL'::hstore"
        case "ltree": return "'top.n\(n).leaf'::ltree"
        case "citext": return "'CiText \(n)'::citext"
        case "text", "varchar", "bpchar", "name": return cast("'v\(n)'", type)
        default: return nil
        }
    }

    private func cast(_ expression: String, _ type: String) -> String { "\(expression)::\(quoted(type))" }

    private func quoted(_ name: String) -> String { QualifiedName.quoted(name) }

    private mutating func bits(_ count: Int) -> String { (0..<count).map { _ in String(dice.pick(2)) }.joined() }

    private mutating func text(_ column: SchemaShape.Column) -> String {
        let alphabet = ["a", "B", " ", "é", "日", "🚀", "\\", "'", "\"", "{", ",", "0"]
        let length = column.type == "name" ? 15 : column.length ?? (dice.percent(3) ? 12_000 : 30)
        // Short fixed keys have only so many values: letters and digits, so that some are new.
        let plain = (column.length ?? 99) <= 10
        return (0..<(plain ? length : dice.pick(length + 1))).map { _ in
            plain ? String(UnicodeScalar(UInt8(65 + dice.pick(26)))) : dice.one(of: alphabet)
        }.joined()
    }

    private mutating func hexadecimal(_ bytes: Int) -> String {
        (0..<bytes * 2).map { _ in String(dice.pick(16), radix: 16) }.joined()
    }
}
