-- What a function's owner decides about its asynchronous invocations, and the role of the queue, which reads it.

DO $$
BEGIN
    CREATE ROLE tollgate_queue NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;

ALTER TABLE function
    -- What becomes of an event that would run the function again in a chain of its own making.
    ADD COLUMN recursive_loop text NOT NULL DEFAULT 'Terminate' CHECK (recursive_loop IN ('Allow', 'Terminate'));

ALTER TABLE function_version
    -- ARN of what takes events that no attempt succeeded with. NULL: nothing.
    ADD COLUMN dead_letter_target text;

-- AWS's settings, of one qualifier of a function. NULL: not set. Goes with its version or alias.
CREATE TABLE event_invoke_config (
    account_id bigint NOT NULL,
    region text COLLATE "C" NOT NULL,
    function_name text COLLATE "C" NOT NULL,
    -- $LATEST, a version's number or an alias' name.
    qualifier text COLLATE "C" NOT NULL,
    -- Of the version that the qualifier is: what is no number is an alias' name, and so is what no version can have.
    number integer GENERATED ALWAYS AS (
        CASE WHEN qualifier = '$LATEST' THEN 0 WHEN qualifier ~ '^[1-9][0-9]{0,8}$' THEN qualifier::integer END
    ) STORED,
    alias_name text COLLATE "C" GENERATED ALWAYS AS (
        CASE WHEN qualifier = '$LATEST' OR qualifier ~ '^[1-9][0-9]{0,8}$' THEN NULL ELSE qualifier END
    ) STORED,
    max_retry_attempts smallint CHECK (max_retry_attempts BETWEEN 0 AND 2),
    max_event_age_s integer CHECK (max_event_age_s BETWEEN 60 AND 21600),
    -- ARNs of what takes the records of invocations.
    on_success text,
    on_failure text,
    last_modified timestamptz NOT NULL,
    CONSTRAINT event_invoke_config_pkey PRIMARY KEY (account_id, region, function_name, qualifier),
    CONSTRAINT event_invoke_config_version_fkey FOREIGN KEY (account_id, region, function_name, number)
        REFERENCES function_version ON DELETE CASCADE,
    CONSTRAINT event_invoke_config_alias_fkey FOREIGN KEY (account_id, region, function_name, alias_name)
        REFERENCES alias ON DELETE CASCADE,
    CHECK ((number IS NULL) <> (alias_name IS NULL))
);

-- Tollgate's own settings beyond AWS's, of a function as a whole. NULL: not set. Goes with its function.
CREATE TABLE async_policy (
    account_id bigint NOT NULL,
    region text COLLATE "C" NOT NULL,
    function_name text COLLATE "C" NOT NULL,
    -- Runs in all that function errors may cause, the first included.
    max_attempts smallint CHECK (max_attempts BETWEEN 1 AND 185),
    max_event_age_s integer CHECK (max_event_age_s BETWEEN 60 AND 86400),
    -- Waits between those runs: {"list": [SECONDS, ...]} or {"exponential": {"first_s", "factor", "max_s", "jitter"}}.
    backoff jsonb,
    priority text NOT NULL CHECK (priority IN ('high', 'normal', 'low')),
    last_modified timestamptz NOT NULL,
    CONSTRAINT async_policy_pkey PRIMARY KEY (account_id, region, function_name),
    CONSTRAINT async_policy_function_fkey FOREIGN KEY (account_id, region, function_name)
        REFERENCES function ON DELETE CASCADE
);

GRANT SELECT, INSERT, UPDATE, DELETE ON event_invoke_config, async_policy TO tollgate_gateway;
-- To dispatch an event, the queue resolves what its function's name means right now.
GRANT SELECT ON account, catalog, function, function_version, alias, event_invoke_config, async_policy TO tollgate_queue;
