-- The guard of charges looks at their periods by key: a customer's charges of a month are many rows of one period, and joined
-- with all periods they cost the more, the more months all customers have.

CREATE OR REPLACE FUNCTION billing.charge_in_period() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    one record;
    found billing.period;
BEGIN
    FOR one IN SELECT DISTINCT period_id, account_id FROM added ORDER BY period_id LOOP
        -- Held until we commit.
        SELECT * INTO found FROM billing.period WHERE period_id = one.period_id FOR SHARE;
        IF found.state IS DISTINCT FROM 'open' OR found.account_id IS DISTINCT FROM one.account_id THEN
            RAISE EXCEPTION 'period % takes no charges', one.period_id USING ERRCODE = 'restrict_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
