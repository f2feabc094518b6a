-- On which terms an account is billed, and who bills.

DO $$ BEGIN
    CREATE ROLE tollgate_billing NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

-- An account without a row has the default book and the free tier.
CREATE TABLE billing.account_terms (
    account_id bigint PRIMARY KEY REFERENCES account,
    -- Of `billing.price_version`.
    book text NOT NULL,
    -- Whether the monthly free tier is granted.
    free_tier boolean NOT NULL,
    changed_at timestamptz NOT NULL
);

GRANT USAGE ON SCHEMA billing TO tollgate_billing;
GRANT SELECT ON billing.account_terms TO tollgate_gateway, tollgate_executor, tollgate_billing;
GRANT SELECT ON billing.usage_hour TO tollgate_gateway, tollgate_billing;
GRANT SELECT ON billing.price_version, billing.price_tier TO tollgate_billing;
