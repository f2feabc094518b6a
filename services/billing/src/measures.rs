//! The billing service's metrics, named and described in one place.

use metrics::{Counter, Gauge, Unit};

/// Handles, made once.
pub(crate) struct Measures {
    pub(crate) charges: Counter,
    pub(crate) journals: Counter,
    pub(crate) invoices: Counter,
    pub(crate) months: Counter,
    pub(crate) seals: Counter,
    pub(crate) failures: Counter,
    /// How far the watermark is behind the platform's time.
    pub(crate) watermark_age: Gauge,
}

impl Measures {
    pub(crate) fn new() -> Self {
        metrics::describe_counter!("tollgate_billing_charges_total", "Charges that were kept");
        metrics::describe_counter!(
            "tollgate_billing_journals_total",
            "Journals that accrual posted"
        );
        metrics::describe_counter!(
            "tollgate_billing_invoices_total",
            "Invoices that were issued"
        );
        metrics::describe_counter!("tollgate_billing_months_total", "Months that were closed");
        metrics::describe_counter!("tollgate_billing_seals_total", "Seals over the ledger");
        metrics::describe_counter!(
            "tollgate_billing_failures_total",
            "Steps that failed and are tried again"
        );
        metrics::describe_gauge!(
            "tollgate_billing_watermark_age_seconds",
            Unit::Seconds,
            "How far the slowest executor's report is behind"
        );
        Self {
            charges: metrics::counter!("tollgate_billing_charges_total"),
            journals: metrics::counter!("tollgate_billing_journals_total"),
            invoices: metrics::counter!("tollgate_billing_invoices_total"),
            months: metrics::counter!("tollgate_billing_months_total"),
            seals: metrics::counter!("tollgate_billing_seals_total"),
            failures: metrics::counter!("tollgate_billing_failures_total"),
            watermark_age: metrics::gauge!("tollgate_billing_watermark_age_seconds"),
        }
    }
}
