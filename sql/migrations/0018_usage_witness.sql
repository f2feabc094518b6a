-- What gateways and queues have seen of executors' spools: the second witness of what ran.
--
-- An executor numbers what it records without a gap, and says the number with its answer. So a number that was seen says how much must
-- arrive in `usage_batch`, even of an executor that never comes back.

CREATE TABLE billing.usage_witness (
    executor_id uuid NOT NULL,
    boot_epoch bigint NOT NULL,
    -- The highest that was seen.
    event bigint NOT NULL CHECK (event > 0),
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (executor_id, boot_epoch)
) WITH (fillfactor = 70);

GRANT SELECT, INSERT, UPDATE ON billing.usage_witness TO tollgate_gateway, tollgate_queue;
GRANT SELECT ON billing.usage_witness TO tollgate_billing;
