/// Columns, each as wide as the widest that is in it.
enum TextTable {
    /// - Parameters:
    ///   - rows: of the same number of cells, the heads among them.
    ///   - textColumns: so many columns begin on the left; those after them are of numbers, and end on the right.
    static func lines(_ rows: [[String]], textColumns: Int) -> [String] {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].displayWidth }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                column < textColumns ? cell.0.padding(to: cell.1) : cell.0.leftPadding(to: cell.1)
            }.joined(separator: "  ").replacing(/\ +$/, with: "")
        }
    }
}
