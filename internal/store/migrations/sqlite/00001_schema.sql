-- The whole schema, also what nothing reads yet. migrations/postgres holds the
-- same tables in the other dialect; a test compares the two.
--
-- Times are integer microseconds UTC, NULL where there is none. Ids are opaque
-- text. Bodies are JSON of the root types. revision is the ETag of a row.

-- +goose Up
CREATE TABLE site (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    id          TEXT    NOT NULL,
    incarnation TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE principal (
    id         TEXT    PRIMARY KEY,
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    labels     TEXT    NOT NULL DEFAULT '{}',
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT    NOT NULL,
    deleted_at INTEGER,
    revision   INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE UNIQUE INDEX principal_name ON principal (kind, name) WHERE deleted_at IS NULL;

CREATE TABLE project (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    labels     TEXT    NOT NULL DEFAULT '{}',
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT    NOT NULL,
    deleted_at INTEGER,
    revision   INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE UNIQUE INDEX project_name ON project (name) WHERE deleted_at IS NULL;

CREATE TABLE member (
    project    TEXT    NOT NULL REFERENCES project (id),
    principal  TEXT    NOT NULL REFERENCES principal (id),
    role       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    PRIMARY KEY (project, principal)
) STRICT;
CREATE INDEX member_principal ON member (principal);

CREATE TABLE token (
    hash       BLOB    PRIMARY KEY,
    principal  TEXT    NOT NULL REFERENCES principal (id),
    note       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    expires_at INTEGER,
    deleted_at INTEGER
) STRICT;

CREATE TABLE fabric (
    name          TEXT    PRIMARY KEY,
    id            TEXT    NOT NULL,
    driver        TEXT    NOT NULL,
    url           TEXT    NOT NULL,
    source        TEXT    NOT NULL,
    fingerprint   TEXT    NOT NULL DEFAULT '',
    access        TEXT    NOT NULL,
    keep          INTEGER NOT NULL DEFAULT 0,
    every         INTEGER NOT NULL DEFAULT 0,
    abilities     TEXT    NOT NULL DEFAULT '',
    owner_server  TEXT    NOT NULL DEFAULT '',
    epoch         INTEGER NOT NULL DEFAULT 0,
    owned_until   INTEGER,
    silent_since  INTEGER,
    silent_reason TEXT    NOT NULL DEFAULT '',
    parts         INTEGER NOT NULL DEFAULT 0,
    labels        TEXT    NOT NULL DEFAULT '{}',
    created_at    INTEGER NOT NULL,
    created_by    TEXT    NOT NULL,
    updated_at    INTEGER NOT NULL,
    updated_by    TEXT    NOT NULL,
    deleted_at    INTEGER,
    revision      INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE host_entry (
    ordinal INTEGER PRIMARY KEY,
    serial  TEXT NOT NULL,
    ipmi    TEXT NOT NULL,
    place   TEXT NOT NULL,
    address TEXT NOT NULL,
    login   TEXT NOT NULL
) STRICT;

CREATE TABLE pool (
    id         TEXT    PRIMARY KEY,
    project    TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    labels     TEXT    NOT NULL DEFAULT '{}',
    most       INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT    NOT NULL,
    deleted_at INTEGER,
    revision   INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE UNIQUE INDEX pool_name ON pool (project, name) WHERE deleted_at IS NULL;

CREATE TABLE device (
    id          TEXT    PRIMARY KEY,
    fabric      TEXT    NOT NULL REFERENCES fabric (name),
    native      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    unit        TEXT    NOT NULL DEFAULT '',
    domains     TEXT    NOT NULL DEFAULT '',
    fingerprint TEXT    NOT NULL,
    facts       TEXT    NOT NULL,
    health      TEXT    NOT NULL,
    hygiene     TEXT    NOT NULL,
    kept_for    TEXT    NOT NULL DEFAULT '',
    evidence    TEXT    NOT NULL DEFAULT '',
    cordon      TEXT    NOT NULL DEFAULT '',
    host        TEXT    NOT NULL DEFAULT '',
    pool        TEXT    NOT NULL DEFAULT '',
    project     TEXT    NOT NULL DEFAULT '',
    owner       TEXT    NOT NULL DEFAULT '',
    labels      TEXT    NOT NULL DEFAULT '{}',
    first_seen  INTEGER NOT NULL,
    gone_at     INTEGER,
    updated_at  INTEGER NOT NULL,
    updated_by  TEXT    NOT NULL,
    revision    INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE UNIQUE INDEX device_place ON device (fabric, native) WHERE gone_at IS NULL AND native <> '';
CREATE INDEX device_pool ON device (pool) WHERE pool <> '';

CREATE TABLE machine (
    id            TEXT    PRIMARY KEY,
    project       TEXT    NOT NULL,
    owner         TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    fabric        TEXT    NOT NULL DEFAULT '',
    label         TEXT    NOT NULL,
    native        TEXT    NOT NULL DEFAULT '',
    native_since  INTEGER,
    spec          TEXT    NOT NULL,
    spec_revision INTEGER NOT NULL,
    made          INTEGER NOT NULL DEFAULT 0,
    operation     TEXT    NOT NULL DEFAULT '',
    labels        TEXT    NOT NULL DEFAULT '{}',
    created_at    INTEGER NOT NULL,
    created_by    TEXT    NOT NULL,
    updated_at    INTEGER NOT NULL,
    updated_by    TEXT    NOT NULL,
    deleted_at    INTEGER,
    revision      INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE UNIQUE INDEX machine_name ON machine (project, name) WHERE deleted_at IS NULL;
CREATE INDEX machine_freed ON machine (project, name, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX machine_operation ON machine (operation) WHERE operation <> '';

CREATE TABLE machine_revision (
    machine   TEXT    NOT NULL REFERENCES machine (id),
    revision  INTEGER NOT NULL,
    spec      TEXT    NOT NULL,
    binding   TEXT,
    principal TEXT    NOT NULL,
    operation TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (machine, revision)
) STRICT;

CREATE TABLE claim (
    id          TEXT    PRIMARY KEY,
    device      TEXT    NOT NULL REFERENCES device (id),
    share       INTEGER NOT NULL DEFAULT 0,
    machine     TEXT    NOT NULL REFERENCES machine (id),
    heir        TEXT    NOT NULL DEFAULT '',
    purpose     TEXT    NOT NULL,
    entry       TEXT    NOT NULL,
    operation   TEXT    NOT NULL,
    taken_at    INTEGER NOT NULL,
    released_at INTEGER,
    closed_at   INTEGER,
    evidence    TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX claim_open ON claim (device, share) WHERE closed_at IS NULL;
CREATE INDEX claim_machine ON claim (machine);

CREATE TABLE plan (
    id             TEXT    PRIMARY KEY,
    project        TEXT    NOT NULL,
    principal      TEXT    NOT NULL,
    verb           TEXT    NOT NULL,
    scope          TEXT    NOT NULL,
    base_revisions TEXT    NOT NULL,
    target         TEXT    NOT NULL,
    steps          TEXT    NOT NULL,
    needs_owner    TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX plan_expires ON plan (expires_at);

CREATE TABLE operation (
    id               TEXT    PRIMARY KEY,
    project          TEXT    NOT NULL,
    principal        TEXT    NOT NULL,
    on_behalf_of     TEXT    NOT NULL DEFAULT '',
    verb             TEXT    NOT NULL,
    message          TEXT    NOT NULL DEFAULT '',
    phase            TEXT    NOT NULL,
    direction        TEXT    NOT NULL,
    machines         TEXT    NOT NULL,
    fabric           TEXT    NOT NULL DEFAULT '',
    request          TEXT    NOT NULL DEFAULT '',
    prior            TEXT    NOT NULL,
    target           TEXT    NOT NULL,
    behind           TEXT    NOT NULL DEFAULT '',
    deadline         INTEGER,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    reason           TEXT    NOT NULL DEFAULT '',
    result           TEXT    NOT NULL DEFAULT '',
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    ended_at         INTEGER,
    updated_at       INTEGER NOT NULL,
    updated_by       TEXT    NOT NULL,
    revision         INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX operation_newest ON operation (created_at, id);
CREATE INDEX operation_open ON operation (created_at, id) WHERE ended_at IS NULL;
CREATE INDEX operation_typical ON operation (verb, fabric, ended_at) WHERE phase = 'done';

CREATE TABLE operation_machine (
    operation TEXT NOT NULL REFERENCES operation (id),
    machine   TEXT NOT NULL,
    PRIMARY KEY (machine, operation)
) STRICT;

CREATE TABLE leg (
    operation TEXT    NOT NULL REFERENCES operation (id),
    fabric    TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    epoch     INTEGER NOT NULL,
    PRIMARY KEY (operation, fabric)
) STRICT;

CREATE TABLE step (
    operation  TEXT    NOT NULL REFERENCES operation (id),
    generation INTEGER NOT NULL,
    ordinal    INTEGER NOT NULL,
    fabric     TEXT    NOT NULL,
    direction  TEXT    NOT NULL,
    act        TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    disturbs   TEXT    NOT NULL,
    lock       TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    attempt    INTEGER NOT NULL,
    began_at   INTEGER,
    ended_at   INTEGER,
    evidence   TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (operation, generation, ordinal)
) STRICT;

CREATE TABLE observed (
    fabric   TEXT    PRIMARY KEY REFERENCES fabric (name),
    began    INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    digest   BLOB    NOT NULL,
    body     TEXT    NOT NULL,
    revision INTEGER NOT NULL
) STRICT;

CREATE TABLE observed_machine (
    fabric TEXT NOT NULL REFERENCES fabric (name),
    native TEXT NOT NULL,
    label  TEXT NOT NULL,
    origin TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (fabric, native)
) STRICT;

CREATE TABLE request (
    principal TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    body_hash BLOB    NOT NULL,
    operation TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT;

CREATE TABLE event (
    seq              INTEGER PRIMARY KEY,
    at               INTEGER NOT NULL,
    type             TEXT    NOT NULL,
    project          TEXT    NOT NULL,
    subject          TEXT    NOT NULL,
    subject_revision INTEGER NOT NULL,
    principal        TEXT    NOT NULL,
    on_behalf_of     TEXT    NOT NULL,
    cause            TEXT    NOT NULL,
    body             TEXT    NOT NULL,
    prev_hash        BLOB    NOT NULL,
    hash             BLOB    NOT NULL
) STRICT;
CREATE INDEX event_subject ON event (subject, seq);
CREATE INDEX event_cause ON event (cause, seq);

-- The number and hash of the last event: the one lock under which events get
-- their numbers.
CREATE TABLE event_head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash BLOB    NOT NULL
) STRICT;
