import FermataProtocol
import Testing

struct DollarsTests {
    @Test(arguments: [
        ("0", 0, "0.00"), ("2", 2_000_000_000, "2.00"), ("0.25", 250_000_000, "0.25"), ("0.5", 500_000_000, "0.50"),
        ("1.000000001", 1_000_000_001, "1.000000001"), ("007.10", 7_100_000_000, "7.10"),
        ("9223372036.854775807", Int64.max, "9223372036.854775807"),
    ])
    func exactly(_ text: String, _ nano: Int64, _ written: String) {
        let dollars = Dollars(text)
        #expect(dollars?.nano == nano)
        #expect(dollars?.description == written)
    }

    @Test(arguments: [
        "", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "0.1234567890", "9223372036.854775808", " 1", "1 ", "1.2.3",
        "\u{661}",
        "0x1", "$1", "NaN",
    ])
    func nothingElse(_ text: String) { #expect(Dollars(text) == nil) }

    @Test func lessThanNothing() {
        #expect(Dollars(nano: -1).description == "-0.000000001")
        #expect(Dollars(nano: .min).description == "-9223372036.854775808")
    }
}
