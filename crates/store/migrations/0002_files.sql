-- People's files. Their bytes are in storage (a folder or S3); what stands here decides what exists.

-- Equal contents are stored once. An object is never written to twice: each upload has a name of its own.
CREATE TABLE blobs (
    -- 64 hexadecimal digits.
    sha256 TEXT PRIMARY KEY,
    -- Its name in storage.
    object TEXT NOT NULL UNIQUE,
    bytes BIGINT NOT NULL,
    -- How many files and batches need it; a row that nobody needs is deleted in the same transaction.
    needed BIGINT NOT NULL CHECK (needed > 0)
);

-- Objects in storage, or on their way there, that no blob names: uploads of a process, and what nobody needs any more.
CREATE TABLE loose_objects (
    object TEXT PRIMARY KEY,
    -- Who writes it; empty: nobody, it can be removed.
    process_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE files (
    id TEXT PRIMARY KEY,
    -- The account's id; empty on a server without accounts.
    owner TEXT NOT NULL,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    sha256 TEXT NOT NULL REFERENCES blobs (sha256),
    bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX files_by_owner ON files (owner, created_at, id);
CREATE INDEX files_by_expiry ON files (expires_at);
CREATE INDEX files_by_blob ON files (sha256);

-- What an owner's files take together: the row decides whether there is room for another.
CREATE TABLE file_usage (
    owner TEXT PRIMARY KEY,
    bytes BIGINT NOT NULL CHECK (bytes >= 0)
);
