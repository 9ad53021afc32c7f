/// Each may do what those before it may.
extension FermataScope: Comparable {
    public static func < (left: FermataScope, right: FermataScope) -> Bool { left.rawValue < right.rawValue }
}
