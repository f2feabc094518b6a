-- Budgets say which charges they watch by an expression too, as Cost Explorer does, and may have another limit in each period.

ALTER TABLE billing.budget
    -- A filter of `domain::bill::explorer`; with one, the cost filters are none.
    ADD COLUMN filter_expression jsonb,
    -- Amounts, as texts, by the starts of periods.
    ADD COLUMN planned_limits jsonb NOT NULL DEFAULT '{}',
    -- As given: all metrics of a kind are the same here.
    ADD COLUMN metrics text[] NOT NULL DEFAULT '{}';
