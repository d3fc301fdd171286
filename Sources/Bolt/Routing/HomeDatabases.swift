// Part of Lockstep. See LICENSE.

/// Which database was whose home when a server last said so.
struct HomeDatabases: Sendable {
    private enum Whose: Hashable {
        case impersonated(String)
        /// Nil for that of the driver.
        case own(BoltAuth?)
    }

    /// More users than that at a time make it forget them all: it only saves asking.
    private static let countMax = 1000

    private var names: [Whose: String] = [:]

    subscript(need: ConnectionNeed) -> String? {
        get { names[whose(need)] }
        set {
            if names.count >= Self.countMax { names = [:] }
            names[whose(need)] = newValue
        }
    }

    private func whose(_ need: ConnectionNeed) -> Whose {
        need.impersonatedUser.map { .impersonated($0) } ?? .own(need.auth)
    }
}
