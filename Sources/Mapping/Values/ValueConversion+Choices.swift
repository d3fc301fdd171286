// Part of Lockstep. See LICENSE.

public import PostgreSQL

extension ValueConversion {
    /// What a column's values become when the mapping does not say.
    ///
    /// Domains count as the type below them, arrays of supported types are lists, and a type that is not known here
    /// goes over as PostgreSQL prints it.
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
        let underlying = catalog.underlyingType(of: type)
        // Typed as arrays in the catalog, but printed without braces.
        let isVector = underlying?.oid == TypeOID.int2vector || underlying?.oid == TypeOID.oidvector
        if case .array(let element)? = underlying?.kind, !isVector {
            // What an element would take as printed goes over in the array's own print, as a whole; and so do byte
            // arrays, since the graph keeps no list of them as a property.
            let lists = scalarChoices(for: catalog.underlyingType(of: element), oid: element)
                .filter { $0.isBinaryExact && $0.source != .bytea }
                .map { ValueConversion(source: $0.source, target: $0.target, isArray: true) }
            return lists + [printed]
        }
        return scalarChoices(for: underlying, oid: type)
    }

    private static let printed = ValueConversion(source: .printed, target: .string)

    private static func scalarChoices(for type: Catalog.DataType?, oid: OID) -> [ValueConversion] {
        switch type?.kind {
        case .enum: return [ValueConversion(source: .text, target: .string)]
        case .array, .composite, .range, .multirange, .pseudo: return [printed]
        case .base, .domain, nil: break
        }
        func exact(_ source: Source, _ targets: Target...) -> [ValueConversion] {
            targets.map { ValueConversion(source: source, target: $0) }
        }
        switch type?.oid ?? oid {
        case TypeOID.bool: return exact(.bool, .boolean, .string)
        case TypeOID.int2: return exact(.int2, .integer, .float, .string)
        case TypeOID.int4: return exact(.int4, .integer, .float, .string)
        case TypeOID.int8: return exact(.int8, .integer, .float, .string)
        case TypeOID.oid: return exact(.oid, .integer, .string)
        case TypeOID.float4: return exact(.float4, .float) + [printed]
        case TypeOID.float8: return exact(.float8, .float) + [printed]
        case TypeOID.numeric: return exact(.numeric, .string, .float, .integer)
        case TypeOID.text, TypeOID.varchar, TypeOID.name, TypeOID.json: return exact(.text, .string)
        case TypeOID.bpchar: return exact(.bpchar, .string)
        case TypeOID.char: return exact(.char, .string)
        case TypeOID.uuid: return exact(.uuid, .string)
        case TypeOID.bytea: return exact(.bytea, .bytes, .string)
        case TypeOID.date: return exact(.date, .date) + [printed]
        case TypeOID.time: return exact(.time, .localTime) + [printed]
        case TypeOID.timetz: return exact(.timetz, .time) + [printed]
        case TypeOID.timestamp: return exact(.timestamp, .localDateTime) + [printed]
        case TypeOID.timestamptz: return exact(.timestamptz, .dateTime) + [printed]
        case TypeOID.interval: return exact(.interval, .duration) + [printed]
        case TypeOID.jsonb: return exact(.jsonb, .string)
        case TypeOID.inet: return [ValueConversion(source: .inet, target: .string)]
        default:
            // An extension's type has no OID of its own; citext sends what text sends.
            return type?.name == "citext" ? exact(.text, .string) : [printed]
        }
    }
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
    static let oidvector: OID = 30
    static let json: OID = 114
    static let float4: OID = 700
    static let float8: OID = 701
    static let inet: OID = 869
    static let bpchar: OID = 1042
    static let varchar: OID = 1043
    static let date: OID = 1082
    static let time: OID = 1083
    static let timestamp: OID = 1114
    static let timestamptz: OID = 1184
    static let interval: OID = 1186
    static let timetz: OID = 1266
    static let numeric: OID = 1700
    static let uuid: OID = 2950
    static let jsonb: OID = 3802
}
