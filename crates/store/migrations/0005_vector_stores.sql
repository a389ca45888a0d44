-- Vector stores: which files' vectors are kept together. The vectors themselves are in indexes of their own; what stands here
-- decides what exists.

CREATE TABLE vector_stores (
    id TEXT PRIMARY KEY,
    -- The account's id; empty on a server without accounts.
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    -- JSON, which the server writes and reads.
    metadata TEXT NOT NULL,
    -- What its vectors were computed by.
    model TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    dimensions BIGINT NOT NULL,
    -- Which of its indexes answers, and how many it ever had.
    index_number BIGINT NOT NULL,
    indexes BIGINT NOT NULL,
    -- The index of another model that is being filled, and the key that pays for it.
    next_number BIGINT,
    next_model TEXT,
    next_fingerprint TEXT,
    next_dimensions BIGINT,
    next_key_id TEXT,
    -- Why the last such work was given up.
    reindex_error TEXT,
    created_at BIGINT NOT NULL,
    last_active_at BIGINT NOT NULL,
    -- Days behind last_active_at, and that moment.
    expires_days BIGINT,
    expires_at BIGINT,
    -- 1: its time was over, and it is empty.
    expired BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX vector_stores_by_owner ON vector_stores (owner, id);
CREATE INDEX vector_stores_by_expiry ON vector_stores (expires_at);
CREATE INDEX vector_stores_moving ON vector_stores (id) WHERE next_number IS NOT NULL;

CREATE TABLE vector_store_files (
    -- Names the vector in the index and its price on the ledger. A later one sorts behind an earlier one.
    vector_id TEXT PRIMARY KEY,
    vector_store_id TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    file_id TEXT NOT NULL REFERENCES files (id),
    filename TEXT NOT NULL,
    -- in_progress, completed, failed, cancelled.
    status TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    -- JSON, which the server writes and reads.
    attributes TEXT NOT NULL,
    -- 1: the index may have others.
    stale BIGINT NOT NULL DEFAULT 0,
    -- image or text; empty until it is known.
    kind TEXT NOT NULL DEFAULT '',
    -- Of a text: as much as the model reads.
    excerpt TEXT NOT NULL DEFAULT '',
    usage_bytes BIGINT NOT NULL DEFAULT 0,
    -- Who pays; none without accounts.
    key_id TEXT,
    -- Who works on it; empty: nobody.
    process_id TEXT NOT NULL DEFAULT '',
    -- The index of another model that has it too.
    reindexed BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    UNIQUE (vector_store_id, file_id)
);
CREATE INDEX vector_store_files_in_order ON vector_store_files (vector_store_id, vector_id);
CREATE INDEX vector_store_files_counted ON vector_store_files (vector_store_id, status, usage_bytes);
CREATE INDEX vector_store_files_by_kind ON vector_store_files (vector_store_id, kind);
CREATE INDEX vector_store_files_by_file ON vector_store_files (file_id);
CREATE INDEX vector_store_files_waiting ON vector_store_files (vector_store_id, vector_id) WHERE status = 'in_progress';
CREATE INDEX vector_store_files_stale ON vector_store_files (vector_store_id) WHERE stale = 1;
CREATE INDEX vector_store_files_moving ON vector_store_files (vector_store_id, reindexed, vector_id)
    WHERE status = 'completed';

CREATE TABLE vector_store_batches (
    id TEXT PRIMARY KEY,
    vector_store_id TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    cancelled_at BIGINT
);
CREATE INDEX vector_store_batches_by_store ON vector_store_batches (vector_store_id);

CREATE TABLE vector_store_batch_files (
    batch_id TEXT NOT NULL REFERENCES vector_store_batches (id) ON DELETE CASCADE,
    file_id TEXT NOT NULL,
    PRIMARY KEY (batch_id, file_id)
);

-- What indexes may still have and nobody needs: a vector; an index (without a vector); a store (without a number either).
CREATE TABLE vector_store_removals (
    vector_store_id TEXT NOT NULL,
    -- 0: all of the store.
    index_number BIGINT NOT NULL,
    -- Empty: all of the index.
    vector_id TEXT NOT NULL,
    PRIMARY KEY (vector_store_id, index_number, vector_id)
);
