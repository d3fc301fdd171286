// Part of Lockstep. See LICENSE.

/// English nouns in the singular, as far as tables are named.
enum Singular {
    /// The singular of a lower-case word; the word itself where it is singular, or not English.
    static func of(_ word: String) -> String {
        guard word.count > 2, word.utf8.allSatisfy({ (97...122).contains($0) }), !unchanging.contains(word) else {
            return word
        }
        if let known = irregular[word] { return known }
        for (ending, singular) in irregularEndings where word.hasSuffix(ending) && !falseFriends.contains(word) {
            return String(word.dropLast(ending.count)) + singular
        }
        return word.hasSuffix("s") ? regular(word) : word
    }

    private static func regular(_ word: String) -> String {
        func ends(_ endings: String...) -> Bool { endings.contains { word.hasSuffix($0) } }
        func cut(_ count: Int, _ ending: String = "") -> String { String(word.dropLast(count)) + ending }

        if ends("ss", "us", "is") { return word }
        if ends("ies") { return word.count > 4 ? cut(3, "y") : cut(1) }
        if ends("zzes") { return cut(3) }
        if ends("sses", "shes", "ches", "xes", "tzes", "oes") { return cut(2) }
        if ends("ouses", "auses") || word == "uses" { return cut(1) }
        if ends("uses") { return cut(2) }
        return cut(1)
    }

    /// Singular already, or the same in the plural.
    private static let unchanging: Set<String> = [
        "access", "aircraft", "alias", "always", "analytics", "atlas", "aws", "bias", "canvas", "chaos", "cosmos",
        "css",
        "data", "dns", "economics", "electronics", "ethics", "gas", "gps", "gross", "headquarters", "https", "kudos",
        "lens", "logistics", "mathematics", "means", "media", "metadata", "news", "offspring", "pants", "physics",
        "plus",
        "politics", "pos", "robotics", "series", "sms", "species", "statistics", "tls", "towards", "yes",
    ]

    private static let irregular: [String: String] = [
        "abuses": "abuse", "aches": "ache", "aliases": "alias", "analyses": "analysis", "appendices": "appendix",
        "atlases": "atlas", "avalanches": "avalanche", "axes": "axis", "biases": "bias", "brownies": "brownie",
        "caches": "cache", "calories": "calorie", "calves": "calf", "canoes": "canoe", "canvases": "canvas",
        "codices": "codex", "cookies": "cookie", "crises": "crisis", "criteria": "criterion", "diagnoses": "diagnosis",
        "dice": "die", "elves": "elf", "emphases": "emphasis", "excuses": "excuse", "feet": "foot", "fuses": "fuse",
        "gases": "gas", "geese": "goose", "genera": "genus", "genies": "genie", "gurus": "guru", "halves": "half",
        "headaches": "headache", "hoodies": "hoodie", "hypotheses": "hypothesis", "indices": "index", "knives": "knife",
        "leaves": "leaf", "lenses": "lens", "lice": "louse", "lives": "life", "loaves": "loaf", "matrices": "matrix",
        "menus": "menu", "mice": "mouse", "movies": "movie", "muses": "muse", "niches": "niche", "oases": "oasis",
        "oxen": "ox", "parentheses": "parenthesis", "phenomena": "phenomenon", "psyches": "psyche", "reuses": "reuse",
        "rookies": "rookie", "scarves": "scarf", "selfies": "selfie", "shelves": "shelf", "shoes": "shoe",
        "smoothies": "smoothie", "synopses": "synopsis", "syntheses": "synthesis", "teeth": "tooth", "theses": "thesis",
        "thieves": "thief", "toes": "toe", "vertices": "vertex", "wives": "wife", "wolves": "wolf", "zombies": "zombie",
    ]

    private static let irregularEndings = [("people", "person"), ("children", "child"), ("men", "man")]

    /// Singulars that end like an irregular plural.
    private static let falseFriends: Set<String> = [
        "abdomen", "acumen", "amen", "omen", "regimen", "semen", "specimen", "stamen",
    ]
}
