-- Functions, their versions, aliases and tags. Everything is keyed by account and region.

-- Names sort as bytes everywhere, so that paging does not depend on the database's locale.
CREATE TABLE function (
    account_id bigint NOT NULL REFERENCES account,
    region text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    -- NULL: none reserved, the function shares what the account's other functions leave.
    reserved_concurrency integer CHECK (reserved_concurrency >= 0),
    created_at timestamptz NOT NULL,
    CONSTRAINT function_pkey PRIMARY KEY (account_id, region, name)
);

-- The last version number given out. Outlives its function: AWS never gives a number twice, "even for a function that has
-- been deleted and recreated".
CREATE TABLE function_version_number (
    account_id bigint NOT NULL REFERENCES account,
    region text COLLATE "C" NOT NULL,
    function_name text COLLATE "C" NOT NULL,
    last integer NOT NULL CHECK (last > 0),
    PRIMARY KEY (account_id, region, function_name)
);

-- $LATEST (number 0), which updates change in place, and published versions, which never change.
CREATE TABLE function_version (
    account_id bigint NOT NULL,
    region text COLLATE "C" NOT NULL,
    function_name text COLLATE "C" NOT NULL,
    number integer NOT NULL CHECK (number >= 0),
    description text NOT NULL,
    role text NOT NULL,
    runtime text NOT NULL,
    handler text NOT NULL,
    architecture text NOT NULL CHECK (architecture IN ('x86_64', 'arm64')),
    memory_mb integer NOT NULL CHECK (memory_mb BETWEEN 128 AND 10240),
    timeout_s integer NOT NULL CHECK (timeout_s BETWEEN 1 AND 900),
    ephemeral_mb integer NOT NULL CHECK (ephemeral_mb BETWEEN 512 AND 10240),
    -- A JSON object of strings, sealed by the vault; place "function/<account>/<region>/<name>/<version>". NULL: none.
    environment bytea,
    tracing_mode text NOT NULL CHECK (tracing_mode IN ('Active', 'PassThrough')),
    log_format text NOT NULL CHECK (log_format IN ('Text', 'JSON')),
    application_log_level text,
    system_log_level text,
    -- Lower-case hex; names the zip in the blob store.
    code_sha256 text NOT NULL CHECK (length(code_sha256) = 64),
    code_size bigint NOT NULL CHECK (code_size >= 0),
    state text NOT NULL CHECK (state IN ('Pending', 'Active', 'Inactive', 'Failed')),
    -- What clients see and may demand in updates; a publish changes $LATEST's too.
    revision_id uuid NOT NULL,
    -- Changes with code and configuration only, and is handed on to the version published from them: tells whether there is
    -- anything new to publish, and (with the number) names what executors cache.
    change_id uuid NOT NULL,
    last_modified timestamptz NOT NULL,
    CONSTRAINT function_version_pkey PRIMARY KEY (account_id, region, function_name, number),
    CONSTRAINT function_version_function_fkey FOREIGN KEY (account_id, region, function_name)
        REFERENCES function ON DELETE CASCADE
);
-- Finds zips that no version needs any more.
CREATE INDEX function_version_by_code ON function_version (code_sha256);

CREATE TABLE alias (
    account_id bigint NOT NULL,
    region text COLLATE "C" NOT NULL,
    function_name text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    number integer NOT NULL,
    description text NOT NULL,
    -- Another version and its share of the invocations.
    other_number integer,
    other_weight double precision CHECK (other_weight BETWEEN 0 AND 1),
    revision_id uuid NOT NULL,
    CONSTRAINT alias_pkey PRIMARY KEY (account_id, region, function_name, name),
    CONSTRAINT alias_function_fkey FOREIGN KEY (account_id, region, function_name)
        REFERENCES function ON DELETE CASCADE,
    CONSTRAINT alias_version_fkey FOREIGN KEY (account_id, region, function_name, number)
        REFERENCES function_version,
    CONSTRAINT alias_other_version_fkey FOREIGN KEY (account_id, region, function_name, other_number)
        REFERENCES function_version,
    CHECK ((other_number IS NULL) = (other_weight IS NULL))
);

CREATE TABLE function_tag (
    account_id bigint NOT NULL,
    region text COLLATE "C" NOT NULL,
    function_name text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 128),
    value text NOT NULL CHECK (length(value) <= 256),
    PRIMARY KEY (account_id, region, function_name, key),
    CONSTRAINT function_tag_function_fkey FOREIGN KEY (account_id, region, function_name)
        REFERENCES function ON DELETE CASCADE
);

-- Executors learn of a function from the gateway, with each event: they read none of this.
GRANT SELECT, INSERT, UPDATE, DELETE
    ON function, function_version_number, function_version, alias, function_tag TO tollgate_gateway;
