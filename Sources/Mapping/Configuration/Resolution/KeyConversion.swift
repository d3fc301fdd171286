// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// How a foreign key's column names the node that another table's column made: both must come out as the same value of
/// the graph wherever PostgreSQL holds them for equal.
enum KeyConversion {
    case fits(ValueConversion)
    /// It fits for most values; the message says for which it does not.
    case fitsMostly(ValueConversion, String)
    case differs(String)

    init(column: Catalog.Column, to property: PropertyMapping, target: Catalog.Column, in catalog: Catalog) {
        let wanted = property.conversion
        let types = "\(column.formattedType) and \(target.formattedType)"
        guard var conversion = ValueConversion(type: column.type, in: catalog, as: wanted.name) else {
            self = .differs("\(types): \(column.formattedType) does not become \(wanted.name)")
            return
        }
        guard wanted.policy == ValuePolicy(scale: wanted.policy.scale) else {
            self = .differs("\(target.name) has policies, by which its values may change")
            return
        }
        guard wanted.policy.scale == 0 || conversion.hasScale else {
            self = .differs("\(types): \(target.name) has a scale, which is for numeric")
            return
        }
        conversion.policy = wanted.policy
        let isText = wanted.target == .string
        if isText, Self.family(conversion.source) != Self.family(wanted.source) {
            self = .differs("\(types) print differently")
        } else if isText, wanted.source == .printed,
            catalog.underlyingType(of: column.type)?.oid != catalog.underlyingType(of: target.type)?.oid
        {
            self = .differs("\(types) print differently")
        } else if isText, wanted.source == .numeric, column.typeModifier != target.typeModifier {
            self = .differs("\(types) print with another number of digits")
        } else if isText, wanted.source == .numeric, target.typeModifier < 0 {
            self = .fitsMostly(conversion, "\(types): 1 and 1.0 are equal in PostgreSQL, but not as strings")
        } else if catalog.underlyingType(of: target.type)?.name == "citext" {
            self = .fitsMostly(conversion, "\(types): in the graph, upper and lower case differ")
        } else {
            self = .fits(conversion)
        }
    }

    /// Types whose equal values print alike.
    private static func family(_ source: ValueConversion.Source) -> ValueConversion.Source {
        switch source {
        case .int2, .int4, .int8, .oid: .int8
        case .text, .bpchar: .text
        default: source
        }
    }
}
