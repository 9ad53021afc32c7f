/// Which of some names a mistyped one was meant to be; nil if it is like none of them.
public func nearest(to name: String, among known: [String]) -> String? {
    let typed = Array(name.lowercased().unicodeScalars.prefix(64))
    let distances = known.map { (name: $0, distance: distance(typed, Array($0.lowercased().unicodeScalars))) }
    guard let best = distances.min(by: { $0.distance < $1.distance }) else { return nil }
    // As many letters may be wrong as leave most of the name.
    return best.distance <= max(1, best.name.unicodeScalars.count / 3) ? best.name : nil
}

/// How many letters have to be put in, left out, replaced or swapped with their neighbours to make one of the other.
private func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    var rows = [Array(0...right.count)]
    for (row, letter) in left.enumerated() {
        var current = [row + 1]
        for (column, other) in right.enumerated() {
            let replaced = rows[row][column] + (letter == other ? 0 : 1)
            var least = min(replaced, rows[row][column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
                least = min(least, rows[row - 1][column - 1] + 1)
            }
            current.append(least)
        }
        rows.append(current)
    }
    return rows[left.count][right.count]
}
