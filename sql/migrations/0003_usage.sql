-- Metering and prices: the executors' sealed batches, the hours they add up to, and the price book.
--
-- Everything here but `usage_hour` is append-only, by trigger: not even the owner updates or deletes a batch or a price.

CREATE SCHEMA billing;

CREATE FUNCTION billing.forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'append-only: % on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

-- Price book: immutable versions. A new version starts where it says; nothing is ever closed by UPDATE.
CREATE TABLE billing.price_version (
    price_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Which list: 'default' is the one that Tollgate ships.
    book text NOT NULL,
    region text NOT NULL,
    sku text NOT NULL,
    currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    valid_from timestamptz NOT NULL CHECK (date_trunc('hour', valid_from, 'UTC') = valid_from),
    -- Meter quanta per pricing unit: 1,024,000 MB·ms are one GB-second.
    price_per numeric(38,0) NOT NULL CHECK (price_per > 0),
    -- Billed duration is rounded up to this step: 1, or 100 as before December 2020.
    duration_step_ms integer NOT NULL DEFAULT 1 CHECK (duration_step_ms IN (1, 100)),
    -- Where the price was read, and a fingerprint of the text it came in.
    source text NOT NULL,
    source_version text NOT NULL,
    UNIQUE (book, region, sku, currency, valid_from)
);

CREATE TABLE billing.price_tier (
    price_id bigint NOT NULL REFERENCES billing.price_version,
    -- Cumulative month quantity in quanta that this tier starts and ends at; NULL has no end.
    qty_from numeric(38,0) NOT NULL CHECK (qty_from >= 0),
    qty_to numeric(38,0) CHECK (qty_to > qty_from),
    -- Per pricing unit.
    unit_price numeric(24,14) NOT NULL CHECK (unit_price >= 0),
    PRIMARY KEY (price_id, qty_from)
);

-- At commit, the tiers of a price that this transaction wrote start at 0 and join without a gap up to one open end.
CREATE FUNCTION billing.tiers_joined() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tiers int;
    open_ends int;
    torn int;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE qty_to IS NULL), count(*) FILTER (WHERE qty_from <> previous_to)
      INTO tiers, open_ends, torn
      FROM (
        SELECT qty_from, qty_to, coalesce(lag(qty_to) OVER (ORDER BY qty_from),
               CASE WHEN row_number() OVER (ORDER BY qty_from) = 1 THEN 0 ELSE -1 END) AS previous_to
          FROM billing.price_tier WHERE price_id = NEW.price_id
      ) AS tier;
    IF tiers = 0 OR open_ends <> 1 OR torn > 0 THEN
        RAISE EXCEPTION 'tiers of price % must run from 0 to infinity without a gap', NEW.price_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER price_version_tiers AFTER INSERT ON billing.price_version
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing.tiers_joined();
CREATE CONSTRAINT TRIGGER price_tier_tiers AFTER INSERT ON billing.price_tier
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing.tiers_joined();

-- Metering: the sealed batch of an executor is the point where duplicates die.
CREATE TABLE billing.usage_batch (
    executor_id uuid NOT NULL,
    -- Bumped at every start of that executor.
    boot_epoch bigint NOT NULL CHECK (boot_epoch > 0),
    -- From 1 without a gap within an epoch.
    batch_seq bigint NOT NULL CHECK (batch_seq > 0),
    -- Sequence numbers of the first and last event. An empty batch (last = first - 1) says that the executor lives.
    first_event bigint NOT NULL CHECK (first_event > 0),
    last_event bigint NOT NULL CHECK (last_event >= first_event - 1),
    -- What this executor books after this batch is booked at this time or later.
    covers_until timestamptz NOT NULL,
    payload_sha256 bytea NOT NULL CHECK (octet_length(payload_sha256) = 32),
    -- Invariant I1: over the batches of a closed epoch, started = ended + platform_lost (where nothing is missing).
    started bigint NOT NULL CHECK (started >= 0),
    ended bigint NOT NULL CHECK (ended >= 0),
    platform_lost bigint NOT NULL CHECK (platform_lost >= 0),
    -- Events that the executor's disk could not give back.
    missing bigint NOT NULL CHECK (missing >= 0),
    -- Control total for invariant I2: MB·ms of all kinds that this batch added to `usage_hour`. Requests are `ended`.
    mb_ms numeric(38,0) NOT NULL CHECK (mb_ms >= 0),
    -- The last batch of its epoch.
    closes_epoch boolean NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (executor_id, boot_epoch, batch_seq),
    -- Every event is one of the four.
    CHECK (started + ended + platform_lost + missing = last_event - first_event + 1)
);

-- Sums by hour; they move in the transaction that inserts the batch, and in no other.
CREATE TABLE billing.usage_hour (
    account_id bigint NOT NULL,
    hour timestamptz NOT NULL CHECK (date_trunc('hour', hour, 'UTC') = hour),
    region text NOT NULL,
    sku text NOT NULL,
    -- A function's ARN without a qualifier.
    resource text NOT NULL,
    revision integer NOT NULL DEFAULT 0,
    -- 0 to 15, by executor: spreads the rows that many executors add to. Readers sum over it.
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 15),
    -- MB·ms or requests, by SKU.
    qty numeric(38,0) NOT NULL,
    PRIMARY KEY (account_id, hour, region, sku, resource, revision, shard)
) WITH (fillfactor = 70);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['usage_batch', 'price_version', 'price_tier'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON billing.%I
            FOR EACH ROW EXECUTE FUNCTION billing.forbid()', name || '_append_only', name);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON billing.%I
            FOR EACH STATEMENT EXECUTE FUNCTION billing.forbid()', name || '_no_truncate', name);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA billing TO tollgate_gateway, tollgate_executor;
GRANT SELECT ON billing.price_version, billing.price_tier TO tollgate_gateway, tollgate_executor;
-- An executor adds: it may insert, and read what deciding on a conflict needs.
GRANT INSERT ON billing.usage_batch TO tollgate_executor;
GRANT SELECT (executor_id, boot_epoch, batch_seq, last_event, payload_sha256, closes_epoch) ON billing.usage_batch TO tollgate_executor;
GRANT INSERT, UPDATE (qty) ON billing.usage_hour TO tollgate_executor;
GRANT SELECT (account_id, hour, region, sku, resource, revision, shard, qty) ON billing.usage_hour TO tollgate_executor;
