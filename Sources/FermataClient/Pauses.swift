/// The pauses of whoever asks again after it was turned away: each is a random part of a span, from none of it to all of
/// it, and the span doubles. Many who were turned away in the same moment so do not come back in the same moment.
struct Pauses {
    /// The spans.
    static let first = Duration.milliseconds(100)
    static let longest = Duration.seconds(2)

    private var span = Pauses.first

    mutating func next() -> Duration {
        defer { span = min(span * 2, Self.longest) }
        return span * Double.random(in: 0...1)
    }

    /// It was not turned away this time.
    mutating func beginAnew() { span = Self.first }
}
