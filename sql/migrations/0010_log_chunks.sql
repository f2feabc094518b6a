-- Log events in chunks: one row holds many lines of one stream, so that what an invocation logs costs the database a part of
-- a row instead of three.
--
-- Events written before are in log_event and stay there; readers look into both tables. An event's id is its chunk's id and
-- its place in the chunk. Chunks' ids leave room for that, and begin far above every id of log_event.

CREATE SEQUENCE log_chunk_id START WITH 70368744177664 INCREMENT BY 65536;

CREATE TABLE log_chunk (
    account_id bigint NOT NULL,
    -- No foreign keys: nothing but log_append_chunks() inserts here, and it holds the group.
    group_id bigint NOT NULL,
    stream_id bigint NOT NULL,
    -- The id of its first event; each next event has the next one.
    id bigint NOT NULL,
    -- Place of the first and of the last event. Readers rely on the limit: what they look for cannot be in a chunk that
    -- began more than a second before it, or that ends more than a second behind it.
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    last_id bigint NOT NULL,
    stored_at timestamptz NOT NULL,
    -- Messages' bytes and 26 per event, as CloudWatch Logs counts.
    bytes integer NOT NULL,
    -- Written and read by shared/store/src/logs/chunk.rs, which describes it.
    lines bytea NOT NULL,
    -- Serves FilterLogEvents, onwards and backwards.
    PRIMARY KEY (account_id, group_id, first_at, id),
    CONSTRAINT log_chunk_span CHECK (first_at <= last_at AND last_at <= first_at + interval '1 second'),
    CONSTRAINT log_chunk_events CHECK (last_id - id BETWEEN 0 AND 65535)
);
ALTER SEQUENCE log_chunk_id OWNED BY log_chunk.id;
CREATE INDEX log_chunk_backwards ON log_chunk (account_id, group_id, last_at, last_id);
-- Serve GetLogEvents.
CREATE INDEX log_chunk_by_stream ON log_chunk (stream_id, first_at, id);
CREATE INDEX log_chunk_by_stream_backwards ON log_chunk (stream_id, last_at, last_id);
-- Trying to compress would cost more than all the rest of an append.
ALTER TABLE log_chunk ALTER COLUMN lines SET STORAGE EXTERNAL;

-- Appends chunks to streams, making groups and streams that do not exist yet. `chunk_streams` are positions (from 1) in the
-- four arrays that describe the distinct streams. Chunks of one stream get their ids in the order of the arrays. Runs as its
-- owner, as log_append does, which remains for executors of the release before.
CREATE FUNCTION log_append_chunks(
    accounts bigint[], regions text[], groups text[], streams text[],
    -- The platform's clock, not the database's.
    moment timestamptz,
    chunk_streams integer[], chunk_firsts timestamptz[], chunk_lasts timestamptz[], chunk_events integer[],
    chunk_bytes integer[], chunk_lines bytea[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    wanted bigint;
    held bigint;
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

    WITH figures AS (
        SELECT chunk.stream, min(chunk.first_at) AS first_at, max(chunk.last_at) AS last_at, sum(chunk.bytes) AS bytes
        FROM unnest(chunk_streams, chunk_firsts, chunk_lasts, chunk_bytes) AS chunk (stream, first_at, last_at, bytes)
        GROUP BY chunk.stream
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

    INSERT INTO log_chunk (account_id, group_id, stream_id, id, first_at, last_at, last_id, stored_at, bytes, lines)
    SELECT account_ids[chunk.stream], group_ids[chunk.stream], stream_ids[chunk.stream], chunk.id, chunk.first_at,
        chunk.last_at, chunk.id + chunk.events - 1, moment, chunk.bytes, chunk.lines
    FROM (
        SELECT *, nextval('log_chunk_id') AS id FROM (
            SELECT * FROM unnest(chunk_streams, chunk_firsts, chunk_lasts, chunk_events, chunk_bytes, chunk_lines)
                WITH ORDINALITY AS c (stream, first_at, last_at, events, bytes, lines, place)
            ORDER BY place
        ) AS ordered
    ) AS chunk;
END $$;

REVOKE EXECUTE ON FUNCTION log_append_chunks FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log_append_chunks TO tollgate_executor;
GRANT SELECT, DELETE ON log_chunk TO tollgate_gateway;
