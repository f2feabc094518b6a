-- Logs of functions: groups, streams, events.
--
-- Groups and streams have numbers of their own, and events name only those: when a group is deleted its events are out of
-- reach at once, even where a group of the same name is created a moment later. What is left of them is a contiguous range
-- of log_event's primary key; log_trash remembers it until a sweep has removed it in small steps. Retention works the same
-- way: "account, group, older than" is a range of the primary key too, deleted in steps of some thousand rows. Retention is
-- set per group in CloudWatch Logs, which is why the table is not partitioned by time: a day's partition would hold events
-- of every retention.

CREATE TABLE log_group (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    region text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 512),
    created_at timestamptz NOT NULL,
    CONSTRAINT log_group_name UNIQUE (account_id, region, name)
);

CREATE TABLE log_stream (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    group_id bigint NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 512),
    created_at timestamptz NOT NULL,
    -- All NULL until the first event.
    first_event_at timestamptz,
    last_event_at timestamptz,
    last_stored_at timestamptz,
    -- Messages' bytes and 26 per event, as CloudWatch Logs counts.
    stored_bytes bigint NOT NULL DEFAULT 0,
    CONSTRAINT log_stream_group_fkey FOREIGN KEY (group_id) REFERENCES log_group,
    CONSTRAINT log_stream_name UNIQUE (group_id, name)
)
-- The figures change with every batch: leave room to change a row in its page, without touching the indexes.
WITH (fillfactor = 70);

CREATE TABLE log_event (
    account_id bigint NOT NULL,
    -- No foreign keys: nothing but log_append() inserts here, and it holds the group.
    group_id bigint NOT NULL,
    stream_id bigint NOT NULL,
    -- Grows within a stream in the order of its lines, where their times are equal.
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL,
    message text NOT NULL,
    -- Serves FilterLogEvents (and `tollgate logs --follow`, which asks again and again for what is newer).
    PRIMARY KEY (account_id, group_id, at, id)
);
-- Serves GetLogEvents.
CREATE INDEX log_event_by_stream ON log_event (stream_id, at, id);

CREATE TABLE log_trash (
    group_id bigint PRIMARY KEY,
    account_id bigint NOT NULL,
    deleted_at timestamptz NOT NULL
);

-- Appends lines to streams, making groups and streams that do not exist yet. `line_streams` are positions (from 1) in the
-- four arrays that describe the distinct streams. Runs as its owner: executors may append for every account and read
-- nothing, not even whether a group exists.
CREATE FUNCTION log_append(
    accounts bigint[], regions text[], groups text[], streams text[],
    line_streams integer[], line_times timestamptz[], line_messages text[]
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    -- The platform's clock, not the database's: batches leave within a fraction of a second after their newest line.
    moment timestamptz := (SELECT max(at) FROM unnest(line_times) AS at);
    wanted bigint;
    held bigint;
    appended bigint;
    account_ids bigint[];
    group_ids bigint[];
    stream_ids bigint[];
BEGIN
    -- Losing the last moments of logs in a crash of the database is the price of not waiting for its disk.
    PERFORM set_config('synchronous_commit', 'off', true);

    SELECT count(*) INTO wanted
    FROM (SELECT DISTINCT * FROM unnest(accounts, regions, groups)) AS distinct_groups;
    LOOP
        -- Sorted here and below, so that two batches with the same groups never wait for each other in a circle.
        INSERT INTO log_group (account_id, region, name, created_at)
        SELECT DISTINCT batch.account_id, batch.region, batch.name, moment
        FROM unnest(accounts, regions, groups) AS batch (account_id, region, name)
        WHERE NOT EXISTS (
            SELECT FROM log_group AS g
            WHERE g.account_id = batch.account_id AND g.region = batch.region AND g.name = batch.name
        )
        ORDER BY batch.account_id, batch.region, batch.name
        ON CONFLICT DO NOTHING;

        -- A held group cannot be deleted until we commit. One that was deleted since it was looked for is made again.
        SELECT count(*) INTO held FROM (
            SELECT g.id FROM log_group AS g
            WHERE (g.account_id, g.region, g.name) IN (SELECT * FROM unnest(accounts, regions, groups))
            ORDER BY g.account_id, g.region, g.name
            FOR KEY SHARE
        ) AS held_groups;
        EXIT WHEN held = wanted;
    END LOOP;

    WITH line AS (
        SELECT * FROM unnest(line_streams, line_times, line_messages) WITH ORDINALITY AS l (stream, at, message, place)
    ),
    figures AS (
        SELECT line.stream, min(line.at) AS first_at, max(line.at) AS last_at,
            sum(octet_length(line.message) + 26) AS bytes
        FROM line GROUP BY line.stream
    ),
    stream AS (
        INSERT INTO log_stream AS s (account_id, group_id, name, created_at,
            first_event_at, last_event_at, last_stored_at, stored_bytes)
        SELECT g.account_id, g.id, batch.name, moment, f.first_at, f.last_at, moment, f.bytes
        FROM unnest(accounts, regions, groups, streams) WITH ORDINALITY
            AS batch (account_id, region, group_name, name, place)
        JOIN log_group AS g
            ON g.account_id = batch.account_id AND g.region = batch.region AND g.name = batch.group_name
        JOIN figures AS f ON f.stream = batch.place
        ORDER BY g.id, batch.name
        ON CONFLICT (group_id, name) DO UPDATE SET
            first_event_at = least(s.first_event_at, excluded.first_event_at),
            last_event_at = greatest(s.last_event_at, excluded.last_event_at),
            last_stored_at = excluded.last_stored_at,
            stored_bytes = s.stored_bytes + excluded.stored_bytes
        RETURNING s.account_id, s.group_id, s.id, s.name
    )
    SELECT array_agg(stream.account_id ORDER BY batch.place), array_agg(stream.group_id ORDER BY batch.place),
        array_agg(stream.id ORDER BY batch.place)
    INTO account_ids, group_ids, stream_ids
    FROM unnest(accounts, regions, groups, streams) WITH ORDINALITY AS batch (account_id, region, group_name, name, place)
    JOIN log_group AS g
        ON g.account_id = batch.account_id AND g.region = batch.region AND g.name = batch.group_name
    JOIN stream ON stream.group_id = g.id AND stream.name = batch.name;
    IF cardinality(stream_ids) IS DISTINCT FROM cardinality(streams) THEN
        RAISE EXCEPTION 'a stream of this batch has no lines, or stands in it twice';
    END IF;

    -- By position, without a join: this is done thousands of times a second.
    INSERT INTO log_event (account_id, group_id, stream_id, at, stored_at, message)
    SELECT account_ids[line.stream], group_ids[line.stream], stream_ids[line.stream], line.at, moment, line.message
    FROM unnest(line_streams, line_times, line_messages) WITH ORDINALITY AS line (stream, at, message, place)
    ORDER BY line.place;
    GET DIAGNOSTICS appended = ROW_COUNT;
    RETURN appended;
END $$;

REVOKE EXECUTE ON FUNCTION log_append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log_append TO tollgate_executor;
GRANT SELECT, INSERT, UPDATE, DELETE ON log_group, log_stream, log_trash TO tollgate_gateway;
GRANT SELECT, DELETE ON log_event TO tollgate_gateway;
