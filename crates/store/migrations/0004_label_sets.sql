-- Label sets, in versions that never change.

CREATE TABLE label_sets (
    id TEXT PRIMARY KEY,
    -- The account's id, or nothing without accounts.
    owner TEXT NOT NULL,
    -- Of the newest version.
    name TEXT NOT NULL,
    latest BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX label_sets_by_owner ON label_sets (owner, id);

CREATE TABLE label_set_versions (
    label_set_id TEXT NOT NULL REFERENCES label_sets (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    labels BIGINT NOT NULL,
    -- JSON, which the server writes and reads.
    definition TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (label_set_id, version)
);

CREATE TABLE label_set_aliases (
    label_set_id TEXT NOT NULL,
    alias TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (label_set_id, alias),
    FOREIGN KEY (label_set_id, version)
        REFERENCES label_set_versions (label_set_id, version) ON DELETE CASCADE
);

-- The pictures that versions have as examples, whatever becomes of where they came from.
CREATE TABLE label_set_examples (
    label_set_id TEXT NOT NULL REFERENCES label_sets (id) ON DELETE CASCADE,
    -- SHA-256 of the content.
    hash {bytes} NOT NULL,
    size BIGINT NOT NULL,
    content {bytes} NOT NULL,
    PRIMARY KEY (label_set_id, hash)
);
