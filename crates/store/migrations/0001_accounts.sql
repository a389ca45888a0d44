-- {identity}, {bytes} and {append_only TABLE} are what differs between SQLite and PostgreSQL. Times are milliseconds since
-- 1970, money is micro-dollars.

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT UNIQUE,
    balance BIGINT NOT NULL DEFAULT 0,
    -- The sum of the account's rows in holds.
    held BIGINT NOT NULL DEFAULT 0 CHECK (held >= 0),
    floor BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    -- None for the operator's own keys.
    account_id TEXT REFERENCES accounts (id),
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    -- HMAC-SHA-256 of the key with the pepper; none once it is deleted.
    hash {bytes} UNIQUE,
    -- What people tell it by: its first and last characters.
    hint TEXT NOT NULL,
    -- A JSON list of model ids; none: all.
    models TEXT,
    cap BIGINT,
    reset TEXT NOT NULL,
    period_start BIGINT NOT NULL DEFAULT 0,
    spent BIGINT NOT NULL DEFAULT 0,
    held BIGINT NOT NULL DEFAULT 0 CHECK (held >= 0),
    -- None: the server's own limit.
    requests_per_minute BIGINT,
    images_per_minute BIGINT,
    -- What was left of the minute at refilled_at.
    requests_left DOUBLE PRECISION NOT NULL DEFAULT 0,
    images_left DOUBLE PRECISION NOT NULL DEFAULT 0,
    refilled_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    disabled_at BIGINT,
    deleted_at BIGINT,
    last_used_at BIGINT
);
CREATE INDEX keys_by_account ON keys (account_id);

-- Server processes; the holds of one that stopped beating are given back.
CREATE TABLE processes (
    id TEXT PRIMARY KEY,
    started_at BIGINT NOT NULL,
    beat_at BIGINT NOT NULL
);

-- Money of calls that are being worked on.
CREATE TABLE holds (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    key_id TEXT NOT NULL REFERENCES keys (id),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    process_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX holds_by_process ON holds (process_id);

-- Every change of a balance, with the book on its other side (ledger::Kind).
CREATE TABLE transfers (
    id {identity},
    at BIGINT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    amount BIGINT NOT NULL,
    balance_after BIGINT NOT NULL,
    actor TEXT NOT NULL,
    request_id TEXT,
    note TEXT,
    -- Of a charge; each hold is charged once.
    hold_id TEXT UNIQUE,
    key_id TEXT REFERENCES keys (id),
    model TEXT,
    tier TEXT,
    images BIGINT NOT NULL DEFAULT 0,
    cached_images BIGINT NOT NULL DEFAULT 0,
    texts BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX transfers_by_account ON transfers (account_id, at);
{append_only transfers}

-- What was answered to a call with an Idempotency-Key.
CREATE TABLE answers (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    idempotency_key TEXT NOT NULL,
    -- SHA-256 of what was asked.
    question {bytes} NOT NULL,
    hold_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- None while it is being worked on.
    status BIGINT,
    headers TEXT,
    body {bytes},
    PRIMARY KEY (account_id, idempotency_key)
);
CREATE INDEX answers_by_hold ON answers (hold_id);
CREATE INDEX answers_by_age ON answers (created_at);

-- From when on a model costs what, for 1,000 units.
CREATE TABLE prices (
    id {identity},
    model TEXT,
    valid_from BIGINT NOT NULL,
    images BIGINT NOT NULL,
    texts BIGINT NOT NULL,
    requests BIGINT NOT NULL
);
{append_only prices}

-- Links that were sent to addresses which wanted an account.
CREATE TABLE links (
    hash {bytes} PRIMARY KEY,
    email TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX links_by_email ON links (email, created_at);

-- Who changed which account, key or price, when, at whose request.
CREATE TABLE audit (
    id {identity},
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    request_id TEXT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL
);
{append_only audit}
