-- Many requests in one file, answered when there is time. What a batch needs and has done stands here until it ends; then its
-- results are files.

CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    -- The account's id; empty on a server without accounts.
    owner TEXT NOT NULL,
    -- The key that asked, which pays; empty on a server without accounts.
    key_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    input_file_id TEXT NOT NULL,
    -- The input's blob, which the batch needs until it ends, whatever becomes of the file.
    input_sha256 TEXT NOT NULL,
    input_object TEXT NOT NULL,
    input_bytes BIGINT NOT NULL,
    -- JSON of the caller's.
    metadata TEXT,
    -- Seconds after which the files of results vanish.
    output_expires_after BIGINT,
    status TEXT NOT NULL,
    -- What a batch will be that is being finalized: completed or expired.
    ending TEXT,
    -- JSON of the server's.
    errors TEXT,
    lines BIGINT NOT NULL DEFAULT 0,
    -- Once it has ended; before, the chunks know.
    completed BIGINT,
    failed BIGINT,
    output_file_id TEXT,
    error_file_id TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    in_progress_at BIGINT,
    finalizing_at BIGINT,
    completed_at BIGINT,
    failed_at BIGINT,
    expired_at BIGINT,
    cancelling_at BIGINT,
    cancelled_at BIGINT,
    -- Who validates or finalizes it; empty: nobody.
    process_id TEXT NOT NULL DEFAULT '',
    -- When one of its chunks was last taken: the one that waited longest is next.
    served_at BIGINT NOT NULL
);
CREATE INDEX batches_by_owner ON batches (owner, created_at, id);
CREATE INDEX batches_by_status ON batches (status, served_at, id);

-- Lines that one process works on together.
CREATE TABLE batch_chunks (
    batch_id TEXT NOT NULL REFERENCES batches (id),
    -- The number of its first line, counted from 0 without empty lines.
    first_line BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    -- Where it stands in the input.
    byte_offset BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    completed BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    -- 1 when all its lines have results.
    done BIGINT NOT NULL DEFAULT 0,
    -- Who works on it; empty: nobody; '-': nobody ever again.
    process_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (batch_id, first_line)
);
CREATE INDEX batch_chunks_open ON batch_chunks (batch_id, done, first_line);

-- One for each line, written together with its charge.
CREATE TABLE batch_results (
    batch_id TEXT NOT NULL REFERENCES batches (id),
    line BIGINT NOT NULL,
    -- completed or failed: the file that it will stand in.
    outcome TEXT NOT NULL,
    -- The line of that file.
    content TEXT NOT NULL,
    PRIMARY KEY (batch_id, line)
);
