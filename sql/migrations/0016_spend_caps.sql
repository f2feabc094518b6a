-- Hard caps: how much an account, a function or a tag may spend in a month.
--
-- Every run takes a hold of what it can cost at most before it starts. Gateways and queues draw amounts from `spend_cap` in chunks and
-- spend them in memory. `held + settled <= limit_amt` is checked by the database, so what is drawn can never exceed the limit, whatever
-- process dies in between.

CREATE TABLE billing.cap (
    id uuid PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    -- `account`, `function:<region>:<name>` or `tag:<key>=<value>`.
    scope text COLLATE "C" NOT NULL,
    limit_amt numeric(30,10) NOT NULL CHECK (limit_amt >= 0 AND limit_amt <= 100000000),
    -- Usage that is priced in another currency is not under it.
    currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- `stop`, `alert`, or `throttle:<runs at once>`: what happens when the limit is used up.
    action text NOT NULL CHECK (action ~ '^(stop|alert|throttle:[1-9][0-9]{0,3})$'),
    changed_at timestamptz NOT NULL,
    UNIQUE (account_id, scope)
);

-- A cap's month. Amounts are list prices of runs, without free tier and volume tiers.
CREATE TABLE billing.spend_cap (
    cap_id uuid NOT NULL REFERENCES billing.cap ON DELETE CASCADE,
    -- Its first day.
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    limit_amt numeric(30,10) NOT NULL CHECK (limit_amt >= 0),
    -- With those who run functions, for runs that go on or may come.
    held numeric(30,10) NOT NULL DEFAULT 0 CHECK (held >= 0),
    -- Spent; or lost with a process that may have spent it.
    settled numeric(30,10) NOT NULL DEFAULT 0 CHECK (settled >= 0),
    -- Of `settled`, what was lost with its holder.
    forfeited numeric(30,10) NOT NULL DEFAULT 0 CHECK (forfeited >= 0 AND forfeited <= settled),
    -- Spent beyond the limit where the cap does not stop.
    beyond numeric(30,10) NOT NULL DEFAULT 0 CHECK (beyond >= 0),
    -- When somebody was first refused for want of it.
    reached_at timestamptz,
    PRIMARY KEY (cap_id, month),
    CONSTRAINT spend_cap_holds CHECK (held + settled <= limit_amt)
);

-- What a process holds of a cap's month.
CREATE TABLE billing.cap_lease (
    cap_id uuid NOT NULL,
    month date NOT NULL,
    -- A process has one id until it is told that its lease is forfeited, then another.
    holder uuid NOT NULL,
    amount numeric(30,10) NOT NULL CHECK (amount >= 0),
    state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'forfeited')),
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cap_id, month, holder),
    FOREIGN KEY (cap_id, month) REFERENCES billing.spend_cap ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX cap_lease_held ON billing.cap_lease (seen_at) WHERE state = 'held';

GRANT SELECT ON billing.cap TO tollgate_gateway, tollgate_queue, tollgate_billing;
GRANT SELECT, INSERT, UPDATE ON billing.spend_cap, billing.cap_lease TO tollgate_gateway, tollgate_queue;
GRANT SELECT ON billing.spend_cap, billing.cap_lease TO tollgate_billing;
GRANT SELECT ON billing.account_terms TO tollgate_queue;
