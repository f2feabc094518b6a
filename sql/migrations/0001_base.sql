-- Roles of the services, accounts and their keys, and the stamp that tells caches that something changed.

-- Roles belong to the cluster, not to the database: another database of the same cluster may have made them already.
DO $$
DECLARE
    service text;
BEGIN
    FOREACH service IN ARRAY ARRAY['tollgate_gateway', 'tollgate_executor'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', service);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END $$;

CREATE TABLE account (
    -- 12 decimal digits.
    id bigint PRIMARY KEY CHECK (id BETWEEN 0 AND 999999999999),
    name text NOT NULL,
    -- The account that `tollgate env` speaks for; there is one.
    first boolean NOT NULL DEFAULT false,
    -- Concurrent executions over all functions of a region.
    concurrency_limit integer NOT NULL DEFAULT 1000 CHECK (concurrency_limit > 0),
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX account_one_first ON account (first) WHERE first;

CREATE TABLE access_key (
    -- AKIA followed by 16 upper-case letters and digits.
    id text PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    -- Sealed by the vault; place "access_key/<id>".
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX access_key_by_account ON access_key (account_id);

-- One row. Every transaction that changes what an Invoke depends on adds one; gateways compare it once a second and drop
-- their caches when it moved.
CREATE TABLE catalog (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    stamp bigint NOT NULL DEFAULT 0
);
INSERT INTO catalog DEFAULT VALUES;

GRANT SELECT, INSERT, UPDATE, DELETE ON account, access_key TO tollgate_gateway;
GRANT SELECT, UPDATE ON catalog TO tollgate_gateway;
