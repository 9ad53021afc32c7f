/// Which Fermata this is: server, clients and command line are one release.
public enum FermataRelease {
    public static let version = "0.1.0"
}
