// Part of Lockstep. See LICENSE.

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// An array of C strings, as libpq takes parameters; freed by its owner. nil stays a null pointer.
@safe struct CStrings: ~Copyable {
    private let pointers: UnsafeMutableBufferPointer<UnsafePointer<CChar>?>

    init(_ strings: [String?]) {
        unsafe pointers = .allocate(capacity: strings.count)
        for (index, string) in strings.enumerated() {
            let copy: UnsafePointer<CChar>? = unsafe string.flatMap { unsafe UnsafePointer(strdup($0)) }
            unsafe pointers.initializeElement(at: index, to: copy)
        }
    }

    deinit {
        for index in unsafe pointers.indices { unsafe free(UnsafeMutablePointer(mutating: pointers[index])) }
        unsafe pointers.deallocate()
    }

    /// The array's start, valid for as long as this value lives.
    var start: UnsafePointer<UnsafePointer<CChar>?>? { unsafe UnsafePointer(pointers.baseAddress) }
}
