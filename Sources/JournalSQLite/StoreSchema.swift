internal import SQLite

/// The tables, and how a file says that it has them.
///
/// Measured on 100,000 runs with 400,000 events of 300 bytes and summaries of 400 bytes, over commits of one run's row
/// and two events: pages of WAL per commit (they repeat), size, and time of the commit without its sync.
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
///
/// Versions: 1 had `events` without `sum` and `chain`, `runs`, `requests` and `asks`; 2 added `agents` and `snapshots`; 3
/// `outbox`, `tools`, `ready_calls` and `tokens`; 4 the checksums of events, `store`, and sealed pages; 5 `commits`; 6
/// `blobs` and `blob_uses`.
enum StoreSchema {
    /// `PRAGMA application_id`: "Frmt". Another database is not opened, whatever it has inside.
    static let applicationID: Int64 = 0x4672_6D74
    /// `PRAGMA user_version`. A store with a greater one is not opened, one with a smaller one becomes one of this.
    static let version: Int64 = 6
    /// From here on pages are sealed and events have checksums.
    static let firstSealed: Int64 = 4
    /// From here on commits without events are counted.
    static let firstCounting: Int64 = 5
    /// From here on there are blobs.
    static let firstWithBlobs: Int64 = 6

    /// The tables whose rows are the same in every version that has them, with their columns and that version.
    static let copied: [(table: String, columns: String, since: Int64)] = [
        ("runs", "run, last_seq, status, active, due, parent, agent, created_at, updated_at, summary", 1),
        ("requests", "number, id, digest, reply, at", 1),
        ("asks", "run, number, open, kind, opened_at, due, body", 1),
        ("agents", "name, version, at, body", 2),
        ("snapshots", "run, seq, format, body", 2),
        ("outbox", "endpoint, run, seq, kind, at, attempts, next_at, dead, body", 3),
        ("tools", "name, at, body", 3),
        ("ready_calls", "run, number, attempt, tool, ready_at, body", 3),
        ("tokens", "id, name, scope, sha256, created_at, expires_at, revoked_at, made_by", 3),
    ]

    private static let tables = """
        -- `sum` and `chain` are checksums (CStoreSeals): of the event, and of all events up to it. They stand before the
        -- body, so that they are read without it.
        CREATE TABLE events(
            offset INTEGER PRIMARY KEY CHECK(offset > 0),
            run BLOB NOT NULL CHECK(length(run) = 16),
            seq INTEGER NOT NULL CHECK(seq > 0),
            at INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            sum INTEGER NOT NULL,
            chain INTEGER NOT NULL,
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

        CREATE TABLE agents(
            name TEXT NOT NULL PRIMARY KEY,
            version INTEGER NOT NULL CHECK(version > 0),
            at INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT;

        -- A cache of runs: nothing is in it that the events do not say as well.
        CREATE TABLE snapshots(
            run BLOB NOT NULL PRIMARY KEY CHECK(length(run) = 16),
            seq INTEGER NOT NULL CHECK(seq > 0),
            format INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT;

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

        -- One row: whose mark belongs to the store, and whether a server has it, or had it and was killed.
        CREATE TABLE store(
            id BLOB NOT NULL CHECK(length(id) = 16),
            in_use INTEGER NOT NULL CHECK(in_use IN (0, 1))
        ) STRICT;
        """

    /// One row: how many commits had no event, which the chain of events knows nothing of. Only such a commit writes it. It
    /// is no column of `store`, whose page in the file says which store it is and stays as it is while a server has it.
    private static let commits = """
        CREATE TABLE commits(
            without_events INTEGER NOT NULL CHECK(without_events >= 0)
        ) STRICT;
        """

    /// Images and files, once each; and which run names which, by its first event that does: to export a run, its events
    /// need not be read for that.
    private static let blobs = """
        CREATE TABLE blobs(
            sha256 BLOB NOT NULL PRIMARY KEY CHECK(length(sha256) = 32),
            at INTEGER NOT NULL,
            data BLOB NOT NULL
        ) STRICT;
        CREATE TABLE blob_uses(
            run BLOB NOT NULL CHECK(length(run) = 16),
            sha256 BLOB NOT NULL CHECK(length(sha256) = 32),
            seq INTEGER NOT NULL CHECK(seq > 0),
            PRIMARY KEY(run, sha256)
        ) STRICT, WITHOUT ROWID;
        """

    /// Makes the tables in a file that has none; inside a transaction.
    static func create(in database: Database) throws(SQLiteError) {
        try database.execute(tables)
        try database.execute("INSERT INTO store VALUES(randomblob(16), 0)")
        try database.pragma("application_id = \(applicationID)")
        try extend(in: database, from: firstSealed)
    }

    /// Makes a sealed store of an older version one of this version; inside a transaction.
    static func extend(in database: Database, from old: Int64) throws(SQLiteError) {
        if old < firstCounting {
            try database.execute(commits)
            try database.execute("INSERT INTO commits VALUES(0)")
        }
        if old < firstWithBlobs { try database.execute(blobs) }
        try database.pragma("user_version = \(version)")
    }
}
