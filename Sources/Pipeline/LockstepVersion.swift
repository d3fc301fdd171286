// Part of Lockstep. See LICENSE.

/// The version of the program.
public enum LockstepVersion {
    public static let text = "0.1.0"
}
