// Part of Lockstep. See LICENSE.

public import PostgreSQL

extension ValueConversion {
    /// What a column's values become when the mapping does not say.
    ///
    /// Domains count as the type below them, arrays are lists, and a type that is not known here goes over as
    /// PostgreSQL prints it.
    public static func natural(for type: OID, in catalog: Catalog) -> ValueConversion {
        choices(for: type, in: catalog)[0]
    }

    /// The conversion that the mapping file asks for by `as`; nil where the type does not have it, see
    /// ``choices(for:in:)``.
    public init?(type: OID, in catalog: Catalog, as name: String) {
        guard let choice = Self.choices(for: type, in: catalog).first(where: { $0.name == name }) else { return nil }
        self = choice
    }

    /// Every conversion that a type has, the natural one first; their ``name``s differ.
    public static func choices(for type: OID, in catalog: Catalog) -> [ValueConversion] {
        guard let underlying = catalog.underlyingType(of: type), let element = underlying.arrayElement else {
            return scalarChoices(for: catalog.underlyingType(of: type), oid: type)
        }
        // The elements of these are not parted by commas.
        let elementType = catalog.underlyingType(of: element)
        guard elementType?.isPartedByCommas != false else { return [printed] }
        var lists: [ValueConversion] = []
        for choice in scalarChoices(for: elementType, oid: element) where choice.target != .bytes && !choice.isList {
            var list = choice
            list.isList = true
            if !lists.contains(where: { $0.name == list.name }) { lists.append(list) }
        }
        return lists + [printed]
    }

    /// The conversions of a part of a column's values, the natural one first; none where the type has no such part.
    ///
    /// - Parameter name: `lower` and `upper` of a range, a path into `json` and `jsonb`, a key of an `hstore`, a field of a
    ///   composite.
    static func choices(forPart name: String, of type: OID, in catalog: Catalog) -> [ValueConversion] {
        let underlying = catalog.underlyingType(of: type)
        func parts(_ part: ValuePart, _ choices: [ValueConversion]) -> [ValueConversion] {
            choices.map { choice in
                var choice = choice
                choice.part = part
                return choice
            }
        }
        switch underlying?.oid ?? type {
        case TypeOID.json, TypeOID.jsonb:
            guard let steps = ValuePart.steps(name) else { return [] }
            let source: Source = (underlying?.oid ?? type) == TypeOID.json ? .text : .jsonb
            let targets: [Target] = [.string, .integer, .float, .boolean]
            let scalars = targets.map { ValueConversion(source: source, target: $0) }
            let lists = targets.map { ValueConversion(source: source, target: $0, isList: true) }
            return parts(.path(steps), scalars + lists)
        case let oid where underlying?.name == "hstore" && oid.isOfUser:
            return parts(.key(name), [ValueConversion(source: .hstore, target: .string)])
        case _ where underlying?.kind == .composite:
            guard let steps = ValuePart.steps(name), let (fields, type) = fields(steps, of: underlying, in: catalog)
            else { return [] }
            return parts(.field(fields), choices(for: type, in: catalog))
        case let oid:
            guard let bound: ValuePart = name == "lower" ? .lower : name == "upper" ? .upper : nil,
                underlying?.kind != .multirange,
                let element = TypeOID.rangeElements[oid] ?? underlying?.rangeElement
            else { return [] }
            return parts(bound, scalarChoices(for: catalog.underlyingType(of: element), oid: element))
        }
    }

    /// The fields that names lead through, and the type of the last one.
    private static func fields(
        _ names: [String], of type: Catalog.DataType?, in catalog: Catalog
    ) -> (fields: [ValuePart.Field], type: OID)? {
        var fields: [ValuePart.Field] = []
        var inside = type
        var last: OID?
        for name in names {
            guard let index = inside?.fields.firstIndex(where: { $0.name == name }), let field = inside?.fields[index]
            else { return nil }
            fields.append(ValuePart.Field(index: index, name: name))
            last = field.type
            inside = catalog.underlyingType(of: field.type)
        }
        return last.map { (fields, $0) }
    }

    private static let printed = ValueConversion(source: .printed, target: .string)

    private static func scalarChoices(for type: Catalog.DataType?, oid: OID) -> [ValueConversion] {
        switch type?.kind {
        case .enum: return [ValueConversion(source: .text, target: .string)]
        case .multirange: return [printed, ValueConversion(source: .multirange, target: .string, isList: true)]
        case .array, .composite, .range, .pseudo: return [printed]
        case .base, .domain, nil: break
        }
        let oid = type?.oid ?? oid
        return ordinaryChoices(for: oid) ?? otherChoices(for: oid)
            ?? (oid.isOfUser ? extensionChoices(for: type?.name ?? "") : nil) ?? [printed]
    }

    private static func exact(_ source: Source, _ targets: Target...) -> [ValueConversion] {
        targets.map { ValueConversion(source: source, target: $0) }
    }

    /// The types of nearly every column.
    private static func ordinaryChoices(for oid: OID) -> [ValueConversion]? {
        switch oid {
        case TypeOID.bool: exact(.bool, .boolean, .string)
        case TypeOID.int2: exact(.int2, .integer, .float, .string)
        case TypeOID.int4: exact(.int4, .integer, .float, .string)
        case TypeOID.int8: exact(.int8, .integer, .float, .string)
        case TypeOID.float4: exact(.float4, .float) + [printed]
        case TypeOID.float8: exact(.float8, .float) + [printed]
        case TypeOID.numeric: exact(.numeric, .string, .float, .integer)
        case TypeOID.text, TypeOID.varchar, TypeOID.name, TypeOID.json: exact(.text, .string)
        case TypeOID.bpchar: exact(.bpchar, .string)
        case TypeOID.uuid: exact(.uuid, .string)
        case TypeOID.bytea: exact(.bytea, .bytes, .string)
        case TypeOID.date: exact(.date, .date, .string)
        case TypeOID.time: exact(.time, .localTime, .string)
        case TypeOID.timetz: exact(.timetz, .time, .string)
        case TypeOID.timestamp: exact(.timestamp, .localDateTime, .string)
        case TypeOID.timestamptz: exact(.timestamptz, .dateTime, .string)
        case TypeOID.interval: exact(.interval, .duration) + [printed]
        case TypeOID.jsonb: exact(.jsonb, .string)
        default: nil
        }
    }

    private static func otherChoices(for oid: OID) -> [ValueConversion]? {
        switch oid {
        case TypeOID.oid, TypeOID.xid, TypeOID.cid: exact(.oid, .integer, .string)
        case TypeOID.char: exact(.char, .string)
        case TypeOID.xml, TypeOID.refcursor: exact(.text, .string)
        case TypeOID.jsonpath: exact(.jsonb, .string)
        case TypeOID.bit, TypeOID.varbit: exact(.bit, .string)
        case TypeOID.money: [printed] + exact(.money, .integer)
        case TypeOID.inet: exact(.inet, .string)
        case TypeOID.cidr: exact(.cidr, .string)
        case TypeOID.macaddr, TypeOID.macaddr8: exact(.macaddr, .string)
        case TypeOID.xid8: exact(.xid8, .string)
        case TypeOID.lsn: exact(.lsn, .string)
        case TypeOID.tid: exact(.tid, .string)
        case TypeOID.tsvector: [printed, ValueConversion(source: .tsvector, target: .string, isList: true)]
        case TypeOID.point: [printed] + exact(.point, .point)
        default: nil
        }
    }

    /// The type of an extension has no OID of its own: it is known by its name.
    private static func extensionChoices(for name: String) -> [ValueConversion]? {
        switch name {
        case "citext": exact(.text, .string)
        case "ltree", "lquery", "ltxtquery": exact(.jsonb, .string)
        case "hstore": exact(.hstore, .string)
        case "geometry", "geography": exact(.geometry, .string, .point)
        case "vector": [ValueConversion(source: .vector, target: .float, isList: true), printed]
        case "halfvec": [ValueConversion(source: .halfvec, target: .float, isList: true), printed]
        default: nil
        }
    }
}

extension Catalog.DataType {
    /// What it is an array of. Not so the old vectors of system tables: arrays in the catalog, printed without braces.
    fileprivate var arrayElement: OID? {
        guard case .array(let element) = kind, oid != TypeOID.int2vector, oid != TypeOID.oidvector else { return nil }
        return element
    }

    /// As all types' elements are, but for `box` and for base types of extensions that may have chosen otherwise.
    fileprivate var isPartedByCommas: Bool {
        if oid == TypeOID.box { return false }
        return kind != .base || !oid.isOfUser || ["citext", "hstore", "ltree", "lquery", "ltxtquery"].contains(name)
    }
}

extension OID {
    /// Made by a user or an extension: `FirstNormalObjectId` and above.
    fileprivate var isOfUser: Bool { rawValue >= 16_384 }
}

/// The OIDs that `pg_type.dat` fixes for all versions.
enum TypeOID {
    static let bool: OID = 16
    static let bytea: OID = 17
    static let char: OID = 18
    static let name: OID = 19
    static let int8: OID = 20
    static let int2: OID = 21
    static let int2vector: OID = 22
    static let int4: OID = 23
    static let text: OID = 25
    static let oid: OID = 26
    static let tid: OID = 27
    static let xid: OID = 28
    static let cid: OID = 29
    static let oidvector: OID = 30
    static let json: OID = 114
    static let xml: OID = 142
    static let point: OID = 600
    static let box: OID = 603
    static let cidr: OID = 650
    static let float4: OID = 700
    static let float8: OID = 701
    static let macaddr8: OID = 774
    static let money: OID = 790
    static let macaddr: OID = 829
    static let inet: OID = 869
    static let bpchar: OID = 1042
    static let varchar: OID = 1043
    static let date: OID = 1082
    static let time: OID = 1083
    static let timestamp: OID = 1114
    static let timestamptz: OID = 1184
    static let interval: OID = 1186
    static let timetz: OID = 1266
    static let bit: OID = 1560
    static let varbit: OID = 1562
    static let numeric: OID = 1700
    static let refcursor: OID = 1790
    static let uuid: OID = 2950
    static let lsn: OID = 3220
    static let tsvector: OID = 3614
    static let jsonb: OID = 3802
    static let jsonpath: OID = 4072
    static let xid8: OID = 5069

    /// The ranges that PostgreSQL brings along, and what they are ranges of.
    static let rangeElements: [OID: OID] = [
        3904: int4, 3906: numeric, 3908: timestamp, 3910: timestamptz, 3912: date, 3926: int8,
    ]
}
