-- The queue of asynchronous invocations: facts that are only ever inserted, in a ring of hours.
--
-- An event is a row of `invocation_<bucket>`; what became of each attempt is a row of `outcome_<bucket>`, in the same bucket,
-- which the event's id names (UUIDv7: its hour modulo 32). Nothing is updated on the hot path; everything else is derived.
-- Buckets are plain tables addressed by name: partitions would be planned for with every statement, and a bucket is emptied by
-- TRUNCATE, so that a transaction held open by somebody leaves no dead rows to walk over.

-- The queue of one function name. Outlives the function: an event that waits for a function which is made anew runs on it.
CREATE TABLE lane (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    region text COLLATE "C" NOT NULL,
    function_name text COLLATE "C" NOT NULL,
    CONSTRAINT lane_name UNIQUE (account_id, region, function_name)
);

-- Which hour (of the epoch) a bucket holds now; -1: none yet.
CREATE TABLE ring (
    bucket smallint PRIMARY KEY CHECK (bucket BETWEEN 0 AND 31),
    hour bigint NOT NULL
);
INSERT INTO ring SELECT bucket, -1 FROM generate_series(0, 31) AS bucket;

DO $$
DECLARE
    bucket text;
BEGIN
    FOR number IN 0..31 LOOP
        bucket := lpad(number::text, 2, '0');
        EXECUTE format($table$
            CREATE TABLE invocation_%1$s (
                -- Request id of all attempts.
                id uuid PRIMARY KEY,
                lane_id bigint NOT NULL,
                account_id bigint NOT NULL,
                -- As the caller qualified the function; empty: not at all.
                qualifier text NOT NULL,
                -- Where it comes from: 1 a caller, 2 a destination, 3 a dead letter, 4 a schedule, 5 a redrive.
                source smallint NOT NULL,
                -- X-Amzn-Trace-Id, with the lineage that recursion is detected by.
                trace text NOT NULL,
                -- Of a retry policy that belongs to this event alone; NULL: the function's.
                age_max_s integer,
                attempts_max smallint,
                payload bytea NOT NULL
            ) WITH (autovacuum_vacuum_insert_threshold = 1000000)
        $table$, bucket);
        -- Compressing a payload costs more than it saves for an hour or two of life.
        EXECUTE format('ALTER TABLE invocation_%s ALTER COLUMN payload SET STORAGE EXTERNAL', bucket);
        EXECUTE format('CREATE INDEX invocation_%1$s_by_lane ON invocation_%1$s (lane_id, id)', bucket);
        EXECUTE format($table$
            CREATE TABLE outcome_%1$s (
                inv_id uuid NOT NULL,
                -- From 1. Only a function's own error makes a further one.
                attempt smallint NOT NULL CHECK (attempt > 0),
                -- 0 success, 1 retry, 2 dead.
                kind smallint NOT NULL CHECK (kind BETWEEN 0 AND 2),
                -- Why it ended (domain::event::Condition); 0 for a retry.
                condition smallint NOT NULL,
                -- Of a retry.
                next_at timestamptz CHECK ((kind = 1) = (next_at IS NOT NULL)),
                -- NULL where nothing ran.
                executor_id uuid,
                started_at timestamptz,
                ended_at timestamptz NOT NULL,
                -- The version that ran; empty where none did.
                version text NOT NULL,
                -- X-Amz-Function-Error; empty: none.
                function_error text NOT NULL,
                -- What went wrong, its first 1,024 bytes.
                error text NOT NULL,
                response bytea,
                PRIMARY KEY (inv_id, attempt)
            ) WITH (autovacuum_vacuum_insert_threshold = 1000000)
        $table$, bucket);
        EXECUTE format('ALTER TABLE outcome_%s ALTER COLUMN response SET STORAGE EXTERNAL', bucket);
        EXECUTE format('CREATE INDEX outcome_%1$s_retries ON outcome_%1$s (next_at) WHERE kind = 1', bucket);
        EXECUTE format('GRANT SELECT, INSERT ON invocation_%1$s, outcome_%1$s TO tollgate_gateway, tollgate_queue', bucket);
        -- An executor adds: it reads what deciding on a conflict needs, and nothing of anybody's payload.
        EXECUTE format('GRANT INSERT ON invocation_%1$s, outcome_%1$s TO tollgate_executor', bucket);
        EXECUTE format('GRANT SELECT (inv_id, attempt) ON outcome_%s TO tollgate_executor', bucket);
    END LOOP;
END $$;

-- Makes a bucket ready for `wanted`, emptying it of the hour it held. False where that hour still holds an event without an end:
-- such a bucket is never emptied. `limit_ms`: how long to wait for the table (somebody's open transaction may hold it).
CREATE FUNCTION ring_turn(wanted bigint, limit_ms integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    name text := lpad((wanted % 32)::text, 2, '0');
    held bigint;
    open boolean;
BEGIN
    SELECT hour INTO held FROM ring WHERE bucket = wanted % 32;
    IF held = wanted THEN
        RETURN true;
    END IF;
    PERFORM set_config('lock_timeout', limit_ms::text, true);
    SELECT hour INTO held FROM ring WHERE bucket = wanted % 32 FOR UPDATE;
    IF held = wanted THEN
        RETURN true;
    END IF;
    IF held > wanted THEN
        RETURN false;
    END IF;
    EXECUTE format('LOCK TABLE invocation_%1$s, outcome_%1$s IN ACCESS EXCLUSIVE MODE', name);
    EXECUTE format($find$
        SELECT EXISTS (
            SELECT FROM invocation_%1$s AS i
            WHERE NOT EXISTS (SELECT FROM outcome_%1$s AS o WHERE o.inv_id = i.id AND o.kind <> 1)
        )$find$, name) INTO open;
    IF open THEN
        RETURN false;
    END IF;
    EXECUTE format('TRUNCATE invocation_%1$s, outcome_%1$s', name);
    UPDATE ring SET hour = wanted WHERE bucket = wanted % 32;
    RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION ring_turn FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ring_turn TO tollgate_gateway, tollgate_queue, tollgate_executor;
GRANT SELECT ON ring TO tollgate_gateway, tollgate_queue, tollgate_executor;

-- Every event that ended without success, whatever else is configured. Kept until it is purged or too old.
CREATE TABLE dead_letter (
    id uuid PRIMARY KEY,
    lane_id bigint NOT NULL REFERENCES lane,
    account_id bigint NOT NULL,
    region text COLLATE "C" NOT NULL,
    function_name text COLLATE "C" NOT NULL,
    qualifier text NOT NULL,
    -- As domain::event::Condition names it.
    condition text NOT NULL,
    attempts smallint NOT NULL,
    -- What went wrong, its first 1,024 bytes.
    error text NOT NULL,
    trace text NOT NULL,
    accepted_at timestamptz NOT NULL,
    dead_at timestamptz NOT NULL,
    payload bytea NOT NULL,
    -- The event that a redrive made of it.
    redriven_as uuid,
    redriven_at timestamptz
);
CREATE INDEX dead_letter_by_account ON dead_letter (account_id, region, id);
CREATE INDEX dead_letter_by_age ON dead_letter (dead_at);

-- Records that have nowhere to go yet: a target of a kind that is not served, or a function that does not exist.
CREATE TABLE undelivered (
    id uuid PRIMARY KEY,
    inv_id uuid NOT NULL,
    account_id bigint NOT NULL,
    region text COLLATE "C" NOT NULL,
    function_name text COLLATE "C" NOT NULL,
    -- 1 on success, 2 on failure, 3 dead letter.
    kind smallint NOT NULL,
    target text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX undelivered_by_account ON undelivered (account_id, region, id);
CREATE INDEX undelivered_by_age ON undelivered (at);

-- An executor that was lost while it had the attempt: the poison guard counts these.
CREATE TABLE attempt_loss (
    inv_id uuid NOT NULL,
    attempt smallint NOT NULL,
    executor_id uuid NOT NULL,
    boot_epoch bigint NOT NULL,
    lost_at timestamptz NOT NULL,
    PRIMARY KEY (inv_id, attempt, executor_id, boot_epoch)
);
CREATE INDEX attempt_loss_by_age ON attempt_loss (lost_at);

-- The optional idempotency key of our own header: the same key and body are the same event.
CREATE TABLE idempotency (
    lane_id bigint NOT NULL,
    key text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 256),
    body_sha256 bytea NOT NULL CHECK (octet_length(body_sha256) = 32),
    inv_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (lane_id, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Dead letters on their way back, at a rate.
CREATE TABLE redrive (
    id uuid PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    region text COLLATE "C" NOT NULL,
    -- What it takes; NULL: any.
    function_name text COLLATE "C",
    condition text,
    dead_since timestamptz,
    dead_until timestamptz NOT NULL,
    rate_per_s integer NOT NULL CHECK (rate_per_s BETWEEN 1 AND 10000),
    total bigint NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'cancelled')),
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX redrive_running ON redrive (id) WHERE state = 'running';
CREATE INDEX redrive_by_account ON redrive (account_id, region, id);

-- Which replica of the queue works on a shard (lane modulo 32). Times are the database's: leases must not depend on anybody's clock.
CREATE TABLE shard_lease (
    shard smallint PRIMARY KEY CHECK (shard BETWEEN 0 AND 31),
    owner uuid,
    -- Grows with every change of owner.
    epoch bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);
INSERT INTO shard_lease (shard) SELECT generate_series(0, 31);

CREATE TABLE queue_member (
    id uuid PRIMARY KEY,
    last_seen timestamptz NOT NULL
) WITH (fillfactor = 50);

-- What settlements added to the hours, besides the executors' batches: invariant I2 is checked on both.
CREATE TABLE billing.usage_settlement (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    executor_id uuid NOT NULL,
    boot_epoch bigint NOT NULL,
    -- Attempts whose outcome this executor wrote: charged.
    attempts bigint NOT NULL CHECK (attempts >= 0),
    -- Request units of these: an event over 256 KB counts as several.
    requests numeric(38,0) NOT NULL CHECK (requests >= 0),
    mb_ms numeric(38,0) NOT NULL CHECK (mb_ms >= 0),
    -- Runs that came too late, for another outcome was there: counted, charged 0.
    duplicates bigint NOT NULL CHECK (duplicates >= 0),
    duplicate_mb_ms numeric(38,0) NOT NULL CHECK (duplicate_mb_ms >= 0),
    settled_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER usage_settlement_append_only BEFORE UPDATE OR DELETE ON billing.usage_settlement
    FOR EACH ROW EXECUTE FUNCTION billing.forbid();
CREATE TRIGGER usage_settlement_no_truncate BEFORE TRUNCATE ON billing.usage_settlement
    FOR EACH STATEMENT EXECUTE FUNCTION billing.forbid();

-- Of a batch's ended executions, those of the queue: their usage is charged with their outcome, not with the batch.
ALTER TABLE billing.usage_batch ADD COLUMN settled_apart bigint NOT NULL DEFAULT 0;

GRANT SELECT, INSERT ON lane, undelivered, dead_letter, idempotency TO tollgate_gateway, tollgate_queue;
GRANT UPDATE (redriven_as, redriven_at) ON dead_letter TO tollgate_gateway, tollgate_queue;
GRANT DELETE ON dead_letter, undelivered, idempotency TO tollgate_gateway, tollgate_queue;
GRANT SELECT, INSERT, UPDATE, DELETE ON redrive TO tollgate_gateway, tollgate_queue;
GRANT SELECT, INSERT, DELETE ON attempt_loss TO tollgate_queue;
GRANT SELECT ON attempt_loss TO tollgate_gateway;
GRANT SELECT, UPDATE ON shard_lease TO tollgate_queue;
GRANT SELECT, INSERT, UPDATE, DELETE ON queue_member TO tollgate_queue;
GRANT SELECT ON shard_lease, queue_member TO tollgate_gateway;
GRANT INSERT ON dead_letter, undelivered, attempt_loss TO tollgate_executor;
GRANT SELECT (id) ON dead_letter TO tollgate_executor;
GRANT SELECT (inv_id, attempt, executor_id, boot_epoch) ON attempt_loss TO tollgate_executor;
GRANT USAGE ON SCHEMA billing TO tollgate_queue;
GRANT INSERT ON billing.usage_settlement TO tollgate_executor;
GRANT SELECT ON billing.price_version, billing.price_tier TO tollgate_queue;
-- A tag may ask for the way out.
GRANT SELECT ON function_tag TO tollgate_queue;
