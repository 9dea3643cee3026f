-- The whole schema, also what nothing reads yet. migrations/sqlite holds the
-- same tables in the other dialect; a test compares the two.
--
-- Times are integer microseconds UTC, NULL where there is none. Ids are opaque
-- text. Bodies are JSON of the root types. revision is the ETag of a row.

-- +goose Up
CREATE TABLE site (
    one         BIGINT PRIMARY KEY CHECK (one = 1),
    id          TEXT    NOT NULL,
    incarnation TEXT    NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE principal (
    id         TEXT    PRIMARY KEY,
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    labels     TEXT    NOT NULL DEFAULT '{}',
    created_at BIGINT NOT NULL,
    created_by TEXT    NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT    NOT NULL,
    deleted_at BIGINT,
    revision   BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX principal_name ON principal (kind, name) WHERE deleted_at IS NULL;

CREATE TABLE project (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    labels     TEXT    NOT NULL DEFAULT '{}',
    created_at BIGINT NOT NULL,
    created_by TEXT    NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT    NOT NULL,
    deleted_at BIGINT,
    revision   BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX project_name ON project (name) WHERE deleted_at IS NULL;

CREATE TABLE member (
    project    TEXT    NOT NULL REFERENCES project (id),
    principal  TEXT    NOT NULL REFERENCES principal (id),
    role       TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT    NOT NULL,
    PRIMARY KEY (project, principal)
);
CREATE INDEX member_principal ON member (principal);

CREATE TABLE token (
    hash       BYTEA    PRIMARY KEY,
    principal  TEXT    NOT NULL REFERENCES principal (id),
    note       TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT    NOT NULL,
    expires_at BIGINT,
    deleted_at BIGINT
);

CREATE TABLE fabric (
    name          TEXT    PRIMARY KEY,
    id            TEXT    NOT NULL,
    driver        TEXT    NOT NULL,
    url           TEXT    NOT NULL,
    source        TEXT    NOT NULL,
    fingerprint   TEXT    NOT NULL DEFAULT '',
    access        TEXT    NOT NULL,
    keep          BIGINT NOT NULL DEFAULT 0,
    every         BIGINT NOT NULL DEFAULT 0,
    abilities     TEXT    NOT NULL DEFAULT '',
    owner_server  TEXT    NOT NULL DEFAULT '',
    epoch         BIGINT NOT NULL DEFAULT 0,
    owned_until   BIGINT,
    silent_since  BIGINT,
    silent_reason TEXT    NOT NULL DEFAULT '',
    parts         BIGINT NOT NULL DEFAULT 0,
    labels        TEXT    NOT NULL DEFAULT '{}',
    created_at    BIGINT NOT NULL,
    created_by    TEXT    NOT NULL,
    updated_at    BIGINT NOT NULL,
    updated_by    TEXT    NOT NULL,
    deleted_at    BIGINT,
    revision      BIGINT NOT NULL DEFAULT 1
);

CREATE TABLE host_entry (
    ordinal BIGINT PRIMARY KEY,
    serial  TEXT NOT NULL,
    ipmi    TEXT NOT NULL,
    place   TEXT NOT NULL,
    address TEXT NOT NULL,
    login   TEXT NOT NULL
);

CREATE TABLE pool (
    id         TEXT    PRIMARY KEY,
    project    TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    labels     TEXT    NOT NULL DEFAULT '{}',
    most       BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    created_by TEXT    NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT    NOT NULL,
    deleted_at BIGINT,
    revision   BIGINT NOT NULL DEFAULT 1
);
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
    first_seen  BIGINT NOT NULL,
    gone_at     BIGINT,
    updated_at  BIGINT NOT NULL,
    updated_by  TEXT    NOT NULL,
    revision    BIGINT NOT NULL DEFAULT 1
);
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
    native_since  BIGINT,
    spec          TEXT    NOT NULL,
    spec_revision BIGINT NOT NULL,
    made          BIGINT NOT NULL DEFAULT 0,
    operation     TEXT    NOT NULL DEFAULT '',
    labels        TEXT    NOT NULL DEFAULT '{}',
    created_at    BIGINT NOT NULL,
    created_by    TEXT    NOT NULL,
    updated_at    BIGINT NOT NULL,
    updated_by    TEXT    NOT NULL,
    deleted_at    BIGINT,
    revision      BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX machine_name ON machine (project, name) WHERE deleted_at IS NULL;
CREATE INDEX machine_freed ON machine (project, name, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX machine_operation ON machine (operation) WHERE operation <> '';

CREATE TABLE machine_revision (
    machine   TEXT    NOT NULL REFERENCES machine (id),
    revision  BIGINT NOT NULL,
    spec      TEXT    NOT NULL,
    binding   TEXT,
    principal TEXT    NOT NULL,
    operation TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (machine, revision)
);

CREATE TABLE claim (
    id          TEXT    PRIMARY KEY,
    device      TEXT    NOT NULL REFERENCES device (id),
    share       BIGINT NOT NULL DEFAULT 0,
    machine     TEXT    NOT NULL REFERENCES machine (id),
    heir        TEXT    NOT NULL DEFAULT '',
    purpose     TEXT    NOT NULL,
    entry       TEXT    NOT NULL,
    operation   TEXT    NOT NULL,
    taken_at    BIGINT NOT NULL,
    released_at BIGINT,
    closed_at   BIGINT,
    evidence    TEXT    NOT NULL DEFAULT ''
);
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
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL
);
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
    deadline         BIGINT,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    reason           TEXT    NOT NULL DEFAULT '',
    result           TEXT    NOT NULL DEFAULT '',
    created_at       BIGINT NOT NULL,
    started_at       BIGINT,
    ended_at         BIGINT,
    updated_at       BIGINT NOT NULL,
    updated_by       TEXT    NOT NULL,
    revision         BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX operation_newest ON operation (created_at, id);
CREATE INDEX operation_open ON operation (created_at, id) WHERE ended_at IS NULL;
CREATE INDEX operation_typical ON operation (verb, fabric, ended_at) WHERE phase = 'done';

CREATE TABLE operation_machine (
    operation TEXT NOT NULL REFERENCES operation (id),
    machine   TEXT NOT NULL,
    PRIMARY KEY (machine, operation)
);

CREATE TABLE leg (
    operation TEXT    NOT NULL REFERENCES operation (id),
    fabric    TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    epoch     BIGINT NOT NULL,
    PRIMARY KEY (operation, fabric)
);

CREATE TABLE step (
    operation  TEXT    NOT NULL REFERENCES operation (id),
    generation BIGINT NOT NULL,
    ordinal    BIGINT NOT NULL,
    fabric     TEXT    NOT NULL,
    direction  TEXT    NOT NULL,
    act        TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    disturbs   TEXT    NOT NULL,
    lock       TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    attempt    BIGINT NOT NULL,
    began_at   BIGINT,
    ended_at   BIGINT,
    evidence   TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (operation, generation, ordinal)
);

CREATE TABLE observed (
    fabric   TEXT    PRIMARY KEY REFERENCES fabric (name),
    began    BIGINT NOT NULL,
    ended    BIGINT NOT NULL,
    complete BIGINT NOT NULL,
    digest   BYTEA    NOT NULL,
    body     TEXT    NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE observed_machine (
    fabric TEXT NOT NULL REFERENCES fabric (name),
    native TEXT NOT NULL,
    label  TEXT NOT NULL,
    origin TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (fabric, native)
);

CREATE TABLE request (
    principal TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    body_hash BYTEA    NOT NULL,
    operation TEXT    NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (principal, key)
);

CREATE TABLE event (
    seq              BIGINT PRIMARY KEY,
    at               BIGINT NOT NULL,
    type             TEXT    NOT NULL,
    project          TEXT    NOT NULL,
    subject          TEXT    NOT NULL,
    subject_revision BIGINT NOT NULL,
    principal        TEXT    NOT NULL,
    on_behalf_of     TEXT    NOT NULL,
    cause            TEXT    NOT NULL,
    body             TEXT    NOT NULL,
    prev_hash        BYTEA    NOT NULL,
    hash             BYTEA    NOT NULL
);
CREATE INDEX event_subject ON event (subject, seq);
CREATE INDEX event_cause ON event (cause, seq);

-- The number and hash of the last event: the one lock under which events get
-- their numbers.
CREATE TABLE event_head (
    one  BIGINT PRIMARY KEY CHECK (one = 1),
    seq  BIGINT NOT NULL,
    hash BYTEA    NOT NULL
);
