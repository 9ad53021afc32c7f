/// The first byte of a published message; the run's 16 bytes follow it (for ticks the instance's).
public enum Topic {
    /// `s`: a run's status changed.
    public static let status = UInt8(ascii: "s")
    /// `e`: an event was journaled.
    public static let event = UInt8(ascii: "e")
    /// `t`: a second has passed.
    public static let tick = UInt8(ascii: "t")
    /// `d`: text streams.
    public static let text = UInt8(ascii: "d")

    /// Letter and id.
    public static let length = 17
}
