-- One text for SQLite and PostgreSQL. Portable types only: TEXT ids made by us,
-- BIGINT unix milliseconds (0 = none), BYTEA, BOOLEAN. No clock of SQL's own, no
-- identity columns, no foreign keys (the store deletes in an order of its own).
-- Wide columns come last, so that a row's short ones are read without them.

-- +goose Up

CREATE TABLE certificates (
    arn           TEXT    NOT NULL PRIMARY KEY,
    account       TEXT    NOT NULL,
    region        TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    type          TEXT    NOT NULL,
    method        TEXT    NOT NULL,
    key_algorithm TEXT    NOT NULL,
    ct_logging    BOOLEAN NOT NULL,
    export        BOOLEAN NOT NULL,
    order_id      TEXT    NOT NULL, -- the newest order; '' = none
    serial        TEXT    NOT NULL, -- the newest leaf; '' = none
    version       BIGINT  NOT NULL,
    names         TEXT    NOT NULL  -- JSON array, DomainName first
);
CREATE INDEX certificates_page ON certificates (account, region, created_at, arn);

-- How many certificates an account has in a region: what its quota is about.
CREATE TABLE holdings (
    account      TEXT   NOT NULL,
    region       TEXT   NOT NULL,
    certificates BIGINT NOT NULL,
    PRIMARY KEY (account, region)
);

-- The index by which a name finds its certificates.
CREATE TABLE certificate_names (
    arn        TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL, -- of the certificate
    PRIMARY KEY (arn, name)
);
CREATE INDEX certificate_names_by_name ON certificate_names (name, created_at, arn);

CREATE TABLE orders (
    id                TEXT   NOT NULL PRIMARY KEY,
    arn               TEXT   NOT NULL,
    account           TEXT   NOT NULL,
    kind              TEXT   NOT NULL,
    state             TEXT   NOT NULL,
    reason            TEXT   NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    deadline          BIGINT NOT NULL,
    due_at            BIGINT NOT NULL,
    attempts          BIGINT NOT NULL,
    faults            BIGINT NOT NULL, -- faults of our own in a row
    version           BIGINT NOT NULL,
    lease_holder      TEXT   NOT NULL, -- '' = none
    lease_until       BIGINT NOT NULL,
    intent_serial     TEXT   NOT NULL, -- '' = no intent
    intent_not_before BIGINT NOT NULL,
    intent_not_after  BIGINT NOT NULL,
    intent_at         BIGINT NOT NULL,
    names             TEXT   NOT NULL, -- JSON array of core.NameState
    intent_sealed_key BYTEA,
    intent_tbs        BYTEA
);
-- At most one open order per certificate, whoever inserts.
CREATE UNIQUE INDEX orders_open ON orders (arn) WHERE state IN ('pending', 'ready');
-- What is due costs what is due, never what is stored.
CREATE INDEX orders_due ON orders (due_at) WHERE state IN ('pending', 'ready');
CREATE INDEX orders_by_arn ON orders (arn);

-- The labels an open order waits for: rows go when the order ends.
CREATE TABLE order_labels (
    label    TEXT NOT NULL,
    order_id TEXT NOT NULL,
    PRIMARY KEY (label, order_id)
);
CREATE INDEX order_labels_by_order ON order_labels (order_id);

CREATE TABLE proofs (
    account      TEXT   NOT NULL,
    name         TEXT   NOT NULL, -- without a wildcard label
    method       TEXT   NOT NULL,
    label        TEXT   NOT NULL,
    validated_at BIGINT NOT NULL,
    checked_at   BIGINT NOT NULL,
    PRIMARY KEY (account, name, method)
);

-- A leaf's row outlives its certificate: a serial once used stays known.
CREATE TABLE leaves (
    serial            TEXT   NOT NULL PRIMARY KEY,
    order_id          TEXT   NOT NULL UNIQUE, -- never two leaves for one order
    arn               TEXT   NOT NULL,
    not_before        BIGINT NOT NULL,
    not_after         BIGINT NOT NULL,
    issued_at         BIGINT NOT NULL,
    revoked_at        BIGINT NOT NULL,
    revocation_reason TEXT   NOT NULL,
    sealed_key        BYTEA, -- NULL once the certificate is deleted
    der               BYTEA  NOT NULL,
    chain             TEXT   NOT NULL -- JSON array of base64 DER, direct issuer first
);
CREATE INDEX leaves_by_arn ON leaves (arn);

CREATE TABLE tags (
    arn       TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    value     TEXT    NOT NULL,
    has_value BOOLEAN NOT NULL,
    PRIMARY KEY (arn, key)
);

-- A row goes with its certificate, so one that stands always names a live ARN.
CREATE TABLE tokens (
    account TEXT   NOT NULL,
    region  TEXT   NOT NULL,
    token   TEXT   NOT NULL,
    digest  TEXT   NOT NULL,
    arn     TEXT   NOT NULL,
    until   BIGINT NOT NULL,
    PRIMARY KEY (account, region, token)
);
CREATE INDEX tokens_by_arn ON tokens (arn);

CREATE TABLE records (
    seq     BIGINT NOT NULL PRIMARY KEY, -- order of commit, without gaps
    id      TEXT   NOT NULL UNIQUE,
    kind    TEXT   NOT NULL,
    type    TEXT   NOT NULL,
    arn     TEXT   NOT NULL,
    account TEXT   NOT NULL,
    region  TEXT   NOT NULL,
    actor   TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    detail  TEXT   NOT NULL -- JSON object
);
-- One row: the last seq given out. Its lock is held from there to the commit,
-- so that seq is the order in which rows become visible.
CREATE TABLE record_counter (value BIGINT NOT NULL);
INSERT INTO record_counter (value) VALUES (0);

CREATE TABLE principals (
    arn        TEXT    NOT NULL PRIMARY KEY,
    account    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    disabled   BOOLEAN NOT NULL,
    UNIQUE (account, name)
);

CREATE TABLE access_keys (
    id            TEXT    NOT NULL PRIMARY KEY,
    principal_arn TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    disabled      BOOLEAN NOT NULL,
    sealed_secret BYTEA   NOT NULL
);
CREATE INDEX access_keys_by_principal ON access_keys (principal_arn);

CREATE TABLE settings (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
