-- Schedules: when something is to be invoked, and what was.
--
-- A replica of the scheduler computes due times in memory and inserts, in one transaction, a row of `fire_<bucket>` and an event
-- of the queue for each. The primary key of the fire (schedule, time, occasion) is where a second one dies: any replica may run
-- any shard at any moment and nothing fires twice. Leases only keep replicas from doing the same work.

DO $$ BEGIN
    CREATE ROLE tollgate_scheduler NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

CREATE TABLE schedule_group (
    id uuid PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    region text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    -- ACTIVE, or DELETING: its schedules go first, then it goes itself.
    state text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'DELETING')),
    created_at timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    CONSTRAINT schedule_group_name UNIQUE (account_id, region, name)
);
CREATE INDEX schedule_group_deleting ON schedule_group (id) WHERE state = 'DELETING';

CREATE TABLE schedule_group_tag (
    group_id uuid NOT NULL REFERENCES schedule_group ON DELETE CASCADE,
    key text COLLATE "C" NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (group_id, key)
);

-- A rule of the default event bus, in the classic form: a schedule for up to five targets.
CREATE TABLE rule (
    id uuid PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    region text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    expression text NOT NULL,
    enabled boolean NOT NULL,
    description text,
    role_arn text,
    -- A rate counts from here, for all targets alike.
    anchor_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    CONSTRAINT rule_name UNIQUE (account_id, region, name)
);

CREATE TABLE rule_tag (
    rule_id uuid NOT NULL REFERENCES rule ON DELETE CASCADE,
    key text COLLATE "C" NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (rule_id, key)
);

-- What fires: a schedule of a group, or one target of a rule.
CREATE TABLE schedule (
    id uuid PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    region text COLLATE "C" NOT NULL,
    group_id uuid REFERENCES schedule_group,
    -- Of a schedule: its name in the group.
    name text COLLATE "C",
    rule_id uuid REFERENCES rule ON DELETE CASCADE,
    -- Of a rule's target: its id in the rule.
    target_id text COLLATE "C",
    -- 0 to 15: which part of the schedules it is in (domain::schedule::shard of its id).
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 15),
    -- Grows with every change: what was computed of an older one does not fire.
    generation bigint NOT NULL DEFAULT 1,
    -- The transaction that wrote it last: how replicas learn of changes.
    changed_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    enabled boolean NOT NULL,
    expression text NOT NULL,
    timezone text NOT NULL,
    start_at timestamptz,
    end_at timestamptz,
    -- A rate counts from here.
    anchor_at timestamptz NOT NULL,
    -- This generation has no fire before this.
    valid_from timestamptz NOT NULL,
    -- Width of the flexible window; NULL: none.
    window_min smallint CHECK (window_min BETWEEN 1 AND 1440),
    target_arn text NOT NULL,
    role_arn text,
    -- As the caller gave it; NULL: the default event.
    input text,
    retry_attempts_max smallint NOT NULL,
    retry_age_max_s integer NOT NULL,
    dead_letter_arn text,
    kms_key_arn text,
    -- ActionAfterCompletion: DELETE.
    delete_after boolean NOT NULL DEFAULT false,
    description text,
    -- Ours: domain::schedule::{Missed, Overlap}, and how old a missed fire may be to be made up for.
    missed smallint NOT NULL DEFAULT 1 CHECK (missed BETWEEN 1 AND 3),
    catch_up_s integer NOT NULL DEFAULT 86400 CHECK (catch_up_s BETWEEN 0 AND 86400),
    overlap smallint NOT NULL DEFAULT 1 CHECK (overlap BETWEEN 1 AND 4),
    created_at timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    CONSTRAINT schedule_name UNIQUE (group_id, name),
    CONSTRAINT schedule_target UNIQUE (rule_id, target_id),
    CHECK ((group_id IS NULL) = (name IS NULL)),
    CHECK ((rule_id IS NULL) = (target_id IS NULL)),
    CHECK ((group_id IS NULL) <> (rule_id IS NULL))
);
CREATE INDEX schedule_by_change ON schedule (shard, changed_by);
CREATE INDEX schedule_by_account ON schedule (account_id, region, name);

-- A caller's ClientToken: the same call again is answered as the first one was.
CREATE TABLE schedule_token (
    account_id bigint NOT NULL REFERENCES account,
    region text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    -- Operation, name and input.
    request_sha256 bytea NOT NULL CHECK (octet_length(request_sha256) = 32),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, region, token)
);
CREATE INDEX schedule_token_by_age ON schedule_token (created_at);

-- Everything that is due by then, in a shard, was fired.
CREATE TABLE schedule_cursor (
    shard smallint PRIMARY KEY CHECK (shard BETWEEN 0 AND 15),
    fired_through timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Fires, in a ring of days: the history, and the place where a second fire of one time dies. A bucket holds the fires of the
-- day (of the epoch) modulo 8 for which they were scheduled, or were asked for where somebody asked.
CREATE TABLE fire_ring (
    bucket smallint PRIMARY KEY CHECK (bucket BETWEEN 0 AND 7),
    day bigint NOT NULL
);
INSERT INTO fire_ring SELECT bucket, -1 FROM generate_series(0, 7) AS bucket;

DO $$
BEGIN
    FOR number IN 0..7 LOOP
        EXECUTE format($table$
            CREATE TABLE fire_%s (
                schedule_id uuid NOT NULL,
                scheduled_at timestamptz NOT NULL,
                -- 1 its time came, 2 somebody said "now", 3 a backfill.
                occasion smallint NOT NULL,
                fired_at timestamptz NOT NULL,
                -- domain::schedule::FireResult.
                result smallint NOT NULL,
                -- NULL where nothing was invoked.
                event_id uuid,
                PRIMARY KEY (schedule_id, scheduled_at, occasion)
            ) WITH (autovacuum_vacuum_insert_threshold = 1000000)
        $table$, number);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON fire_%s TO tollgate_gateway, tollgate_scheduler', number);
    END LOOP;
END $$;

-- Makes a bucket ready for the fires of a day. False where the bucket holds a later day: those fires are too old to be kept.
CREATE FUNCTION fire_ring_turn(wanted bigint, limit_ms integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    held bigint;
BEGIN
    SELECT day INTO held FROM fire_ring WHERE bucket = wanted % 8;
    IF held = wanted THEN
        RETURN true;
    END IF;
    PERFORM set_config('lock_timeout', limit_ms::text, true);
    SELECT day INTO held FROM fire_ring WHERE bucket = wanted % 8 FOR UPDATE;
    IF held >= wanted THEN
        RETURN held = wanted;
    END IF;
    EXECUTE format('TRUNCATE fire_%s', wanted % 8);
    UPDATE fire_ring SET day = wanted WHERE bucket = wanted % 8;
    RETURN true;
END $$;

-- The last event of schedules that do not let runs overlap, and the fire that waits for it (buffer_one).
CREATE TABLE schedule_run (
    schedule_id uuid PRIMARY KEY REFERENCES schedule ON DELETE CASCADE,
    shard smallint NOT NULL,
    event_id uuid NOT NULL,
    waiting_at timestamptz
);
CREATE INDEX schedule_run_waiting ON schedule_run (shard) WHERE waiting_at IS NOT NULL;

-- Shards 0 to 31 of the leases are the queue's, 32 to 47 the scheduler's.
ALTER TABLE shard_lease DROP CONSTRAINT shard_lease_shard_check;
ALTER TABLE shard_lease ADD CONSTRAINT shard_lease_shard_check CHECK (shard BETWEEN 0 AND 47);
INSERT INTO shard_lease (shard) SELECT generate_series(32, 47);
CREATE TABLE scheduler_member (
    id uuid PRIMARY KEY,
    last_seen timestamptz NOT NULL
) WITH (fillfactor = 50);

REVOKE EXECUTE ON FUNCTION fire_ring_turn FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fire_ring_turn TO tollgate_gateway, tollgate_scheduler;
GRANT SELECT ON fire_ring TO tollgate_gateway, tollgate_scheduler;
GRANT SELECT, INSERT, UPDATE, DELETE ON schedule_group, schedule_group_tag, rule, rule_tag, schedule, schedule_token TO tollgate_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON schedule_run TO tollgate_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON schedule_run, schedule_cursor, scheduler_member TO tollgate_scheduler;
GRANT SELECT, UPDATE ON shard_lease TO tollgate_scheduler;
GRANT SELECT, DELETE ON schedule, schedule_group, schedule_token TO tollgate_scheduler;
GRANT SELECT ON rule TO tollgate_scheduler;
GRANT SELECT ON schedule_cursor TO tollgate_gateway;
-- To end a run that a later one takes the place of, it finds executors as the queue does.
GRANT SELECT ON account, catalog, function, function_version, alias, function_tag, event_invoke_config, async_policy TO tollgate_scheduler;
GRANT SELECT, INSERT ON lane, undelivered, dead_letter TO tollgate_scheduler;
GRANT SELECT ON ring TO tollgate_scheduler;
GRANT EXECUTE ON FUNCTION ring_turn TO tollgate_scheduler;
DO $$
BEGIN
    FOR number IN 0..31 LOOP
        EXECUTE format('GRANT INSERT ON invocation_%s TO tollgate_scheduler', lpad(number::text, 2, '0'));
        EXECUTE format('GRANT SELECT, INSERT ON outcome_%s TO tollgate_scheduler', lpad(number::text, 2, '0'));
        EXECUTE format('GRANT SELECT ON invocation_%s TO tollgate_scheduler', lpad(number::text, 2, '0'));
    END LOOP;
END $$;
