// Part of Lockstep. See LICENSE.

public import Foundation

/// A folder for the files of a test, which goes away with the process, however that ends.
public enum TestFolder {
    public static func make(_ name: String) throws -> URL { try RunFolder.shared.makeFolder(name) }
}
