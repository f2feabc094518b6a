-- The bill: rated usage, ledger, periods, invoices.
--
-- Everything here is append-only but three things: a period's state, an invoice counter, and settings. The database itself sees to it that
-- journals balance, that nothing is posted into a closed period or to a journal that is committed, that invoices keep what they
-- say, and that their numbers have no gap. Triggers do not stop whoever owns the tables: that is what seals are for.
-- Debits are positive, credits negative; amounts have ten digits.

-- Who issues invoices; the billing service writes here what its configuration says. One row.
CREATE TABLE billing.issuer (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    name text NOT NULL CHECK (name <> ''),
    -- Lines of the postal address.
    address text[] NOT NULL,
    country text NOT NULL CHECK (country ~ '^([A-Z]{2})?$'),
    tax_id text NOT NULL,
    email text NOT NULL,
    -- What invoice numbers begin with. Each prefix is a series of its own, without a gap.
    number_prefix text NOT NULL CHECK (length(number_prefix) <= 32),
    payment_days integer NOT NULL CHECK (payment_days BETWEEN 0 AND 365),
    -- What taxes are computed from: the 'invoice', or each 'line'.
    tax_level text NOT NULL CHECK (tax_level IN ('invoice', 'line')),
    -- Of `billing.logo`.
    logo_sha256 bytea
);

-- Logos, by content: an invoice keeps the one that it was issued with.
CREATE TABLE billing.logo (
    sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    media_type text NOT NULL CHECK (media_type IN ('image/png', 'image/svg+xml')),
    content bytea NOT NULL CHECK (octet_length(content) BETWEEN 1 AND 1048576)
);
ALTER TABLE billing.issuer ADD FOREIGN KEY (logo_sha256) REFERENCES billing.logo;

-- Whom invoices are for. An account without a row is invoiced under its own name, without taxes.
CREATE TABLE billing.customer (
    account_id bigint PRIMARY KEY REFERENCES account,
    name text NOT NULL,
    address text[] NOT NULL,
    country text NOT NULL CHECK (country ~ '^([A-Z]{2})?$'),
    tax_id text NOT NULL,
    email text NOT NULL,
    -- Usage of a closed month that arrives after more than 34 days is billed all the same, instead of written off.
    bill_all_late boolean NOT NULL,
    changed_at timestamptz NOT NULL
);

-- Taxes on a customer's invoices, in the order in which they are shown.
CREATE TABLE billing.customer_tax (
    account_id bigint NOT NULL REFERENCES billing.customer,
    position smallint NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    -- In 1/10,000 percent: 19 % is 190,000.
    percent_e4 bigint NOT NULL CHECK (percent_e4 BETWEEN 0 AND 1000000),
    PRIMARY KEY (account_id, position)
);

-- Executors that never come back: nobody waits for what they did not report.
CREATE TABLE billing.lost_executor (
    executor_id uuid NOT NULL,
    boot_epoch bigint NOT NULL,
    declared_at timestamptz NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (executor_id, boot_epoch)
);

-- A customer's billing periods: calendar months in UTC.
CREATE TABLE billing.period (
    period_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    -- Its first day.
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    -- 'closing' takes no further charges, only the invoice; 'closed' takes nothing.
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closing', 'closed')),
    -- Charges of the hours before this are kept.
    accrued_until timestamptz NOT NULL,
    -- What the charges that are kept were rated by. Late usage of a closed period is rated by the same.
    book text,
    free_tier boolean,
    -- Of the latest price there was.
    price_stamp bigint,
    closed_at timestamptz,
    UNIQUE (account_id, month),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK ((book IS NULL) = (free_tier IS NULL) AND (book IS NULL) = (price_stamp IS NULL)),
    CHECK (closed_at IS NULL OR book IS NOT NULL)
);
CREATE INDEX period_open ON billing.period (month, account_id) WHERE state <> 'closed';

CREATE FUNCTION billing.period_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'open' THEN
            RAISE EXCEPTION 'a period begins open' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state = 'closed' THEN
        RAISE EXCEPTION 'period % is closed', OLD.period_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'period % cannot be deleted', OLD.period_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.period_id, NEW.account_id, NEW.month) IS DISTINCT FROM (OLD.period_id, OLD.account_id, OLD.month)
        OR (OLD.state, NEW.state) NOT IN (('open', 'open'), ('open', 'closing'), ('closing', 'closing'), ('closing', 'closed'))
        OR NEW.accrued_until < OLD.accrued_until THEN
        RAISE EXCEPTION 'period % only goes from open to closing to closed', OLD.period_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER period_goes_on BEFORE INSERT OR UPDATE OR DELETE ON billing.period
    FOR EACH ROW EXECUTE FUNCTION billing.period_goes_on();

-- Rated usage (R2), kept day by day as the days become complete. A later look adds differences, under the next revision.
CREATE TABLE billing.charge (
    account_id bigint NOT NULL,
    -- Of the usage; the month that is billed with may be a later one.
    hour timestamptz NOT NULL CHECK (date_trunc('hour', hour, 'UTC') = hour),
    period_id bigint NOT NULL REFERENCES billing.period,
    -- From 0: of the day, or for late usage of the month.
    revision integer NOT NULL CHECK (revision >= 0),
    region text NOT NULL,
    sku text NOT NULL,
    resource text NOT NULL,
    currency char(3) NOT NULL,
    -- From when its price holds, and the price: per so many quanta.
    price_from timestamptz NOT NULL,
    unit_price numeric(24,14) NOT NULL CHECK (unit_price >= 0),
    price_per numeric(38,0) NOT NULL CHECK (price_per > 0),
    -- From 0; NULL: covered by the free tier.
    tier smallint CHECK (tier >= 0),
    -- Negative in a difference that takes back.
    qty numeric(38,0) NOT NULL,
    amount numeric(30,10) NOT NULL CHECK (abs(amount) < 5e18),
    -- Late usage that was too old to be billed.
    written_off boolean NOT NULL,
    CHECK (tier IS NOT NULL OR amount = 0)
);
CREATE INDEX charge_by_hour ON billing.charge (account_id, hour);
CREATE INDEX charge_by_period ON billing.charge (period_id);

CREATE TABLE billing.ledger_account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The customer.
    account_id bigint NOT NULL REFERENCES account,
    code text NOT NULL,
    currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    kind text NOT NULL CHECK (kind IN ('asset', 'liability', 'revenue', 'expense')),
    UNIQUE (account_id, code, currency)
);

-- Numbers are given in the transaction that issues the invoice: what is rolled back leaves no gap.
CREATE TABLE billing.invoice_counter (
    series text PRIMARY KEY,
    next_no bigint NOT NULL DEFAULT 1 CHECK (next_no > 0)
);

-- Final invoices and credit notes. A draft is computed when it is asked for.
CREATE TABLE billing.invoice (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series text NOT NULL REFERENCES billing.invoice_counter,
    number_in_series bigint NOT NULL,
    -- As it is shown: the series and the number.
    number text NOT NULL UNIQUE,
    account_id bigint NOT NULL REFERENCES account,
    period_id bigint NOT NULL REFERENCES billing.period,
    currency char(3) NOT NULL,
    kind text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    corrects bigint REFERENCES billing.invoice,
    -- With taxes, before prepaid credit.
    total numeric(20,4) NOT NULL CHECK (abs(total) < 5e14),
    -- The document as JSON, and the fingerprint of its bytes.
    document text NOT NULL,
    document_sha256 bytea NOT NULL CHECK (document_sha256 = sha256(convert_to(document, 'UTF8'))),
    logo_sha256 bytea REFERENCES billing.logo,
    issued_at timestamptz NOT NULL,
    UNIQUE (series, number_in_series),
    CHECK ((kind = 'credit_note') = (corrects IS NOT NULL))
);
CREATE UNIQUE INDEX invoice_one_per_period ON billing.invoice (account_id, period_id, currency) WHERE kind = 'invoice';
CREATE INDEX invoice_by_corrected ON billing.invoice (corrects) WHERE corrects IS NOT NULL;

CREATE TABLE billing.journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    -- What it is for: posted once.
    idem_key text NOT NULL UNIQUE,
    request_sha256 bytea NOT NULL CHECK (octet_length(request_sha256) = 32),
    kind text NOT NULL,
    period_id bigint NOT NULL REFERENCES billing.period,
    -- What it issues, pays for or takes back.
    invoice_id bigint REFERENCES billing.invoice,
    effective_at timestamptz NOT NULL,
    posted_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX journal_by_account ON billing.journal (account_id, id);
CREATE INDEX journal_by_period ON billing.journal (period_id);
CREATE INDEX journal_by_invoice ON billing.journal (invoice_id) WHERE invoice_id IS NOT NULL;

CREATE TABLE billing.posting (
    journal_id bigint NOT NULL REFERENCES billing.journal,
    line_no smallint NOT NULL,
    ledger_account_id bigint NOT NULL REFERENCES billing.ledger_account,
    -- Bounded, so that its reader can hold it.
    amount numeric(30,10) NOT NULL CHECK (amount <> 0 AND abs(amount) < 5e18),
    currency char(3) NOT NULL,
    PRIMARY KEY (journal_id, line_no)
);
CREATE INDEX posting_by_account ON billing.posting (ledger_account_id, journal_id);

-- Which journals a seal covers is said journal by journal: transaction ids, which would say it shorter, begin anew in a restored cluster.
CREATE TABLE billing.ledger_seal (
    seal_no bigint PRIMARY KEY CHECK (seal_no > 0),
    journals bigint NOT NULL CHECK (journals > 0),
    merkle_root bytea NOT NULL CHECK (octet_length(merkle_root) = 32),
    prev_hash bytea CHECK (octet_length(prev_hash) = 32),
    hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    sealed_at timestamptz NOT NULL,
    CHECK ((seal_no = 1) = (prev_hash IS NULL))
);
CREATE TABLE billing.sealed_journal (
    journal_id bigint PRIMARY KEY REFERENCES billing.journal,
    seal_no bigint NOT NULL REFERENCES billing.ledger_seal
);
CREATE INDEX sealed_journal_by_seal ON billing.sealed_journal (seal_no, journal_id);

-- FOR SHARE: whoever closes the period waits for us, and we see 'closed' where they were first. The foreign key alone would not wait.
CREATE FUNCTION billing.journal_in_period() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found billing.period;
BEGIN
    SELECT * INTO found FROM billing.period WHERE period_id = NEW.period_id FOR SHARE;
    IF found.state = 'closed' THEN
        RAISE EXCEPTION 'period % is closed', NEW.period_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF found.state = 'closing' AND NEW.kind IN ('accrual', 'late', 'late-write-off') THEN
        RAISE EXCEPTION 'period % is closing and takes no charges', NEW.period_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF found.account_id <> NEW.account_id THEN
        RAISE EXCEPTION 'period % is another account''s', NEW.period_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER journal_in_period BEFORE INSERT ON billing.journal
    FOR EACH ROW EXECUTE FUNCTION billing.journal_in_period();

CREATE FUNCTION billing.charge_in_period() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    -- Held until we commit.
    PERFORM FROM billing.period WHERE period_id IN (SELECT DISTINCT period_id FROM added) FOR SHARE;
    SELECT period_id INTO found FROM billing.period JOIN added USING (period_id)
        WHERE period.state <> 'open' OR period.account_id <> added.account_id LIMIT 1;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'period % takes no charges', found USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER charge_in_period AFTER INSERT ON billing.charge REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION billing.charge_in_period();

-- xid and posted_at: after a dump and restore an old xid could come again in the new cluster.
CREATE FUNCTION billing.posting_in_own_journal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    journal billing.journal;
    ledger_account billing.ledger_account;
BEGIN
    SELECT * INTO journal FROM billing.journal WHERE id = NEW.journal_id;
    IF journal.xid IS DISTINCT FROM pg_current_xact_id() OR journal.posted_at IS DISTINCT FROM transaction_timestamp() THEN
        RAISE EXCEPTION 'journal % is committed', NEW.journal_id USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT * INTO ledger_account FROM billing.ledger_account WHERE id = NEW.ledger_account_id;
    IF ledger_account.currency IS DISTINCT FROM NEW.currency THEN
        RAISE EXCEPTION 'ledger account % is kept in another currency', NEW.ledger_account_id USING ERRCODE = 'check_violation';
    END IF;
    IF ledger_account.account_id IS DISTINCT FROM journal.account_id THEN
        RAISE EXCEPTION 'ledger account % is another customer''s', NEW.ledger_account_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER posting_in_own_journal BEFORE INSERT ON billing.posting
    FOR EACH ROW EXECUTE FUNCTION billing.posting_in_own_journal();

CREATE FUNCTION billing.journal_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    currencies int;
    unequal int;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE total <> 0) INTO currencies, unequal
      FROM (SELECT currency, sum(amount) AS total FROM billing.posting WHERE journal_id = NEW.id GROUP BY currency) AS side;
    IF currencies = 0 OR unequal > 0 THEN
        RAISE EXCEPTION 'journal % is empty or does not balance', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_balanced AFTER INSERT ON billing.journal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing.journal_balanced();

-- An invoice has the number that the counter gave last, and a number that was given has its invoice at the transaction's end.
CREATE FUNCTION billing.invoice_numbered() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given bigint;
BEGIN
    SELECT next_no - 1 INTO given FROM billing.invoice_counter WHERE series = NEW.series FOR UPDATE;
    IF given IS DISTINCT FROM NEW.number_in_series THEN
        RAISE EXCEPTION 'number % of series % is not the next one', NEW.number_in_series, NEW.series USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice_numbered BEFORE INSERT ON billing.invoice
    FOR EACH ROW EXECUTE FUNCTION billing.invoice_numbered();

CREATE FUNCTION billing.numbers_used() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given bigint;
    used bigint;
BEGIN
    SELECT next_no - 1 INTO given FROM billing.invoice_counter WHERE series = NEW.series;
    SELECT max(number_in_series) INTO used FROM billing.invoice WHERE series = NEW.series;
    IF given IS DISTINCT FROM coalesce(used, 0) THEN
        RAISE EXCEPTION 'series % would have a gap: % were given, the last one used is %', NEW.series, given, used
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER numbers_used AFTER INSERT OR UPDATE ON billing.invoice_counter
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing.numbers_used();

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['journal', 'posting', 'ledger_account', 'ledger_seal', 'sealed_journal', 'charge', 'invoice', 'logo',
                                'lost_executor'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON billing.%I
            FOR EACH ROW EXECUTE FUNCTION billing.forbid()', name || '_append_only', name);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON billing.%I
            FOR EACH STATEMENT EXECUTE FUNCTION billing.forbid()', name || '_no_truncate', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['period', 'invoice_counter'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON billing.%I
            FOR EACH STATEMENT EXECUTE FUNCTION billing.forbid()', name || '_no_truncate', name);
    END LOOP;
    EXECUTE 'CREATE TRIGGER invoice_counter_kept BEFORE DELETE ON billing.invoice_counter
        FOR EACH ROW EXECUTE FUNCTION billing.forbid()';
END $$;

GRANT SELECT, INSERT ON billing.charge, billing.ledger_account, billing.journal, billing.posting, billing.ledger_seal,
    billing.sealed_journal, billing.invoice, billing.logo, billing.lost_executor TO tollgate_billing;
GRANT SELECT, INSERT, UPDATE (state, accrued_until, book, free_tier, price_stamp, closed_at) ON billing.period TO tollgate_billing;
GRANT SELECT, INSERT, UPDATE (next_no) ON billing.invoice_counter TO tollgate_billing;
GRANT SELECT, INSERT, UPDATE ON billing.issuer TO tollgate_billing;
GRANT SELECT ON billing.customer, billing.customer_tax, billing.usage_batch, billing.usage_settlement TO tollgate_billing;
GRANT SELECT ON account TO tollgate_billing;
