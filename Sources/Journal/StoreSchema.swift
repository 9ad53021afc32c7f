internal import SQLite

/// The tables, and how a file says that it has them.
///
/// Measured on 100,000 runs with 400,000 events of 300 bytes and summaries of 400 bytes, over commits of one run's row
/// and two events: pages of log per commit (they repeat), size, and time of the commit without its sync.
///
/// | variant | pages | size | time |
/// |---|---|---|---|
/// | as here | 3.8 | 205 MB | 22 µs |
/// | a row always replaced with all its keys | 5.8 | 205 MB | 31 µs |
/// | no indexes on `runs` | 3.8 | 193 MB | 21 µs |
/// | `runs` without rowid | 3.8 | 200 MB | 21 µs |
/// | ids as text | 4.1 | 235 MB | 29 µs |
/// | `events` by (run, seq) without rowid, offset as index | 6.1 | 216 MB | 48 µs |
/// | no unique (run, seq) | 2.3 | 193 MB | 17 µs |
///
/// So the indexes cost only when a key changes, which is why the writer compares before it updates. `runs` keeps its
/// rowid: nothing is gained without, and a summary beyond 1 KB would spill out of its page. The index of (run, seq) is
/// what a run is read by. An accepted request added 4.3 pages, with 100,000 of them there and one forgotten for each
/// that came.
enum StoreSchema {
    /// `PRAGMA application_id`: "Frmt". Another database is not opened, whatever it has inside.
    static let applicationID: Int64 = 0x4672_6D74
    /// `PRAGMA user_version`. A store with a greater one is not opened.
    static let version = Int64(steps.count)

    /// What each version added to the one before it: a store of version n has the first n. A step that was in a
    /// release never changes.
    static let steps = [first, second, third]

    private static let first = """
        CREATE TABLE events(
            offset INTEGER PRIMARY KEY CHECK(offset > 0),
            run BLOB NOT NULL CHECK(length(run) = 16),
            seq INTEGER NOT NULL CHECK(seq > 0),
            at INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            body BLOB NOT NULL,
            UNIQUE(run, seq)
        ) STRICT;

        CREATE TABLE runs(
            run BLOB NOT NULL PRIMARY KEY CHECK(length(run) = 16),
            last_seq INTEGER NOT NULL CHECK(last_seq > 0),
            status INTEGER NOT NULL,
            active INTEGER NOT NULL CHECK(active IN (0, 1)),
            due INTEGER,
            parent BLOB CHECK(length(parent) = 16),
            agent TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            summary BLOB NOT NULL
        ) STRICT;
        CREATE INDEX runs_created ON runs(created_at, run);
        CREATE INDEX runs_status ON runs(status, created_at, run);
        CREATE INDEX runs_agent ON runs(agent, status, created_at, run);
        CREATE INDEX runs_parent ON runs(parent, created_at, run) WHERE parent IS NOT NULL;
        CREATE INDEX runs_active ON runs(created_at, run) WHERE active = 1;
        CREATE INDEX runs_due ON runs(due, run) WHERE due IS NOT NULL;

        -- `number` is the order of arrival: the oldest rows are the first, and their count is a subtraction.
        CREATE TABLE requests(
            number INTEGER PRIMARY KEY,
            id BLOB NOT NULL UNIQUE CHECK(length(id) = 16),
            digest BLOB NOT NULL,
            reply BLOB NOT NULL,
            at INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE asks(
            run BLOB NOT NULL CHECK(length(run) = 16),
            number INTEGER NOT NULL,
            open INTEGER NOT NULL CHECK(open IN (0, 1)),
            kind INTEGER NOT NULL,
            opened_at INTEGER NOT NULL,
            due INTEGER,
            body BLOB NOT NULL,
            PRIMARY KEY(run, number)
        ) STRICT;
        CREATE INDEX asks_open ON asks(opened_at, run, number) WHERE open = 1;
        """

    /// Agents by name, and a cache of runs: nothing is in `snapshots` that the events do not say as well.
    private static let second = """
        CREATE TABLE agents(
            name TEXT NOT NULL PRIMARY KEY,
            version INTEGER NOT NULL CHECK(version > 0),
            at INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT;

        CREATE TABLE snapshots(
            run BLOB NOT NULL PRIMARY KEY CHECK(length(run) = 16),
            seq INTEGER NOT NULL CHECK(seq > 0),
            format INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT;
        """

    /// What reaches beyond the server: messages to outside, tools that workers serve, their calls that wait for one.
    private static let third = """
        -- Of a run's messages to an endpoint the first that is not dead has a time, the others wait for it.
        CREATE TABLE outbox(
            endpoint TEXT NOT NULL,
            run BLOB NOT NULL CHECK(length(run) = 16),
            seq INTEGER NOT NULL CHECK(seq > 0),
            kind INTEGER NOT NULL,
            at INTEGER NOT NULL,
            attempts INTEGER NOT NULL CHECK(attempts >= 0),
            next_at INTEGER,
            dead INTEGER NOT NULL CHECK(dead IN (0, 1)),
            body BLOB NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX outbox_live ON outbox(endpoint, run, seq, kind) WHERE dead = 0;
        CREATE INDEX outbox_due ON outbox(endpoint, next_at) WHERE next_at IS NOT NULL;
        CREATE INDEX outbox_dead ON outbox(at, endpoint) WHERE dead = 1;

        CREATE TABLE tools(
            name TEXT NOT NULL PRIMARY KEY,
            at INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT;

        CREATE TABLE ready_calls(
            run BLOB NOT NULL CHECK(length(run) = 16),
            number INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            tool TEXT NOT NULL,
            ready_at INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY(run, number)
        ) STRICT;
        CREATE INDEX ready_calls_tool ON ready_calls(tool, ready_at, run, number, attempt);

        -- Of a token's secret there is its digest only.
        CREATE TABLE tokens(
            id TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            scope INTEGER NOT NULL,
            sha256 BLOB NOT NULL CHECK(length(sha256) = 32),
            created_at INTEGER NOT NULL,
            expires_at INTEGER,
            revoked_at INTEGER,
            made_by TEXT NOT NULL
        ) STRICT;
        """

    /// Makes the tables in a file that has none, or those that were added since an older version; all of them or,
    /// after a crash, none.
    ///
    /// - Parameter version: of the store as it is; 0 of a file without tables.
    static func upgrade(_ database: Database, from version: Int64) throws(SQLiteError) {
        try database.begin(.immediate)
        do {
            for step in steps[Int(version)...] { try database.execute(step) }
            try database.pragma("application_id = \(applicationID)")
            try database.pragma("user_version = \(StoreSchema.version)")
            try database.commit()
        } catch {
            database.rollback()
            throw error
        }
    }
}
