// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// How a column's values go over: what the file asks for, held against what the column's type offers.
extension MappingResolver {
    mutating func conversion(_ entry: ColumnEntry, _ column: Catalog.Column, isKey: Bool) -> ValueConversion? {
        guard let choices = choices(entry, column) else { return nil }
        guard var conversion = entry.choice(among: choices) else {
            note(
                .conversion, entry.graphType?.position,
                "\(column.formattedType) does not become \(entry.graphType?.value ?? "")",
                "it can be \(choices.map(\.name).joined(separator: ", "))")
            return nil
        }
        guard checkPolicies(entry, conversion, column), !isKey || checkKeyEntry(entry) else { return nil }
        conversion.policy = entry.policies.policy
        if entry.graphType == nil, conversion.source == .printed {
            note(
                .conversion, entry.column.position,
                "\(column.formattedType) goes over as the text that PostgreSQL prints", partsRemedy(column),
                severity: .note)
        }
        return conversion
    }

    /// What a type has beside its text.
    private func partsRemedy(_ column: Catalog.Column) -> String? {
        guard let type = catalog.underlyingType(of: column.type) else { return nil }
        let parts: [String] =
            switch type.kind {
            case .composite: type.fields.map(\.name)
            case .range: ["lower", "upper"]
            default: []
            }
        guard let first = parts.first else { return nil }
        return "its parts can be properties: \(column.name): {parts: {\(first): ...}} with "
            + parts.joined(separator: ", ")
    }

    private mutating func choices(_ entry: ColumnEntry, _ column: Catalog.Column) -> [ValueConversion]? {
        guard let part = entry.part else { return ValueConversion.choices(for: column.type, in: catalog) }
        let choices = ValueConversion.choices(forPart: part.value, of: column.type, in: catalog)
        if !choices.isEmpty { return choices }
        note(
            .conversion, part.position, "\(column.formattedType) has no part \(part.value)",
            "parts are lower and upper of ranges, paths like a.b.0 in json and jsonb, keys of hstore, fields of composites"
        )
        return nil
    }

    /// Every policy has a meaning for the conversion.
    private mutating func checkPolicies(
        _ entry: ColumnEntry, _ conversion: ValueConversion, _ column: Catalog.Column
    ) -> Bool {
        let policies = entry.policies
        let what = "\(column.formattedType) as \(conversion.name)"
        var isFine = true
        func refuse(_ position: FilePosition?, _ message: String, _ remedy: String) {
            note(.conversion, position, message, remedy)
            isFine = false
        }
        if let otherwise = policies.otherwise, otherwise.value != .error {
            if !conversion.mayNotFit {
                refuse(otherwise.position, "every \(what) fits", "leave otherwise out")
            } else if otherwise.value == .nearest, !conversion.hasNearest {
                refuse(otherwise.position, "\(what) has no nearest value", "choose otherwise: null or string")
            }
        }
        if let nulls = policies.nulls, !conversion.hasElements {
            refuse(nulls.position, "\(what) has no NULLs inside", "leave nulls out")
        }
        if let dimensions = policies.dimensions, !conversion.isArray {
            refuse(dimensions.position, "\(what) has no dimensions", "leave dimensions out")
        }
        if let scale = policies.scale, !conversion.hasScale {
            refuse(scale.position, "\(what) takes no scale", "a scale is for numeric with as: integer")
        }
        if let years = policies.years, !conversion.hasYears {
            refuse(years.position, "\(what) has no years", "years are for dates and timestamps")
        }
        if let zone = policies.zone, !conversion.hasZone {
            refuse(zone.position, "\(what) has no zone", "a zone is for timestamp with time zone as datetime")
        }
        return isFine
    }

    /// Keys lose nothing: else two rows could meet in one node.
    private mutating func checkKeyEntry(_ entry: ColumnEntry) -> Bool {
        let policies = entry.policies
        let positions = [
            entry.part?.position, policies.otherwise?.position, policies.nulls?.position,
            policies.dimensions?.position, policies.years?.position, policies.zone?.position,
        ]
        guard let lossy = positions.compactMap(\.self).first else { return true }
        note(
            .key, lossy, "\(entry.column.value) is a key, and a key goes over whole and exactly",
            "leave parts and policies out; as: string takes every value")
        return false
    }
}

extension ColumnEntry {
    /// What `as` names, or the first; nil where there is no such choice.
    func choice(among choices: [ValueConversion]) -> ValueConversion? {
        guard let wanted = graphType else { return choices.first }
        return choices.first { $0.name == wanted.value }
    }
}
