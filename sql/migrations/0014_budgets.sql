-- Budgets: what an account may cost or use in a period, and who is told when a threshold is crossed.
--
-- One of the gateways looks at all budgets once a minute. What it finds crossed becomes an alert, whose primary key (notification,
-- period) is where a second one dies; the events for functions are inserted in the same transaction.

CREATE TABLE billing.budget (
    account_id bigint NOT NULL REFERENCES account,
    name text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('COST', 'USAGE')),
    limit_amount numeric(30,10) NOT NULL CHECK (limit_amount BETWEEN 0 AND 1e15),
    -- A currency, or a unit of usage.
    unit text NOT NULL,
    time_unit text NOT NULL CHECK (time_unit IN ('DAILY', 'MONTHLY', 'QUARTERLY', 'ANNUALLY', 'CUSTOM')),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    -- Values by the names of AWS's cost filters.
    cost_filters jsonb NOT NULL,
    -- Flags by the names of AWS's cost types, as given: none of them changes what our charges are.
    cost_types jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, name)
);

CREATE TABLE billing.budget_notification (
    id uuid PRIMARY KEY,
    account_id bigint NOT NULL,
    budget_name text COLLATE "C" NOT NULL,
    measure text NOT NULL CHECK (measure IN ('ACTUAL', 'FORECASTED')),
    operator text NOT NULL CHECK (operator IN ('GREATER_THAN', 'LESS_THAN', 'EQUAL_TO')),
    threshold numeric(30,10) NOT NULL CHECK (threshold BETWEEN 0 AND 1e15),
    threshold_type text NOT NULL CHECK (threshold_type IN ('PERCENTAGE', 'ABSOLUTE_VALUE')),
    FOREIGN KEY (account_id, budget_name) REFERENCES billing.budget ON DELETE CASCADE,
    CONSTRAINT budget_notification_once UNIQUE (account_id, budget_name, measure, operator, threshold, threshold_type)
);

CREATE TABLE billing.budget_subscriber (
    notification_id uuid NOT NULL REFERENCES billing.budget_notification ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('SNS', 'EMAIL')),
    address text COLLATE "C" NOT NULL,
    PRIMARY KEY (notification_id, kind, address)
);

-- A crossed threshold. It outlives its budget: it says what was told to whom.
CREATE TABLE billing.budget_alert (
    notification_id uuid NOT NULL,
    period_start timestamptz NOT NULL,
    -- Ordered by time.
    id uuid NOT NULL UNIQUE,
    account_id bigint NOT NULL REFERENCES account,
    budget_name text NOT NULL,
    crossed_at timestamptz NOT NULL,
    -- What subscribers are told: JSON.
    message bytea NOT NULL,
    PRIMARY KEY (notification_id, period_start)
);
CREATE INDEX budget_alert_by_account ON billing.budget_alert (account_id, id);

CREATE TABLE billing.budget_delivery (
    alert_id uuid NOT NULL REFERENCES billing.budget_alert (id) ON DELETE CASCADE,
    account_id bigint NOT NULL REFERENCES account,
    kind text NOT NULL CHECK (kind IN ('SNS', 'EMAIL')),
    address text COLLATE "C" NOT NULL,
    -- queued: an event of the queue has it; waiting: for its (next) attempt; delivered, failed: at an end; undelivered: nobody serves
    -- such addresses yet.
    state text NOT NULL CHECK (state IN ('queued', 'waiting', 'delivered', 'failed', 'undelivered')),
    -- Of a function: the event.
    event_id uuid,
    -- Of a webhook: attempts that began, and when the next one may.
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz,
    -- Why it is where it is; empty: nothing went wrong.
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (alert_id, kind, address),
    CHECK ((state = 'queued') = (event_id IS NOT NULL)),
    CHECK ((state = 'waiting') = (next_at IS NOT NULL))
);
CREATE INDEX budget_delivery_waiting ON billing.budget_delivery (next_at) WHERE state = 'waiting';

GRANT SELECT, INSERT, UPDATE, DELETE ON billing.budget, billing.budget_notification, billing.budget_subscriber TO tollgate_gateway;
GRANT SELECT, INSERT ON billing.budget_alert, billing.budget_delivery TO tollgate_gateway;
GRANT UPDATE (state, attempts, next_at, reason) ON billing.budget_delivery TO tollgate_gateway;
