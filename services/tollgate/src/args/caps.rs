//! `tollgate caps`.

use clap::{Args, Subcommand};
use domain::bill::cap::{Action, Scope};
use rust_decimal::Decimal;

use super::Operator;

/// Hard limits on what a month may cost.
#[derive(Debug, Subcommand)]
pub(crate) enum Caps {
    /// Set a cap, or change the one of the same scope
    #[command(after_help = "Examples:\n  \
        tollgate caps set --limit 10\n  \
        tollgate caps set --function thumbnail --limit 2.50 --action throttle:1\n  \
        tollgate caps set --tag team=red --limit 100 --action alert\n\n\
        Counted is the list price of every run, from the month's begin, without free tier and volume tiers: what is billed is \
        never more. What runs in the second in which a cap is set is not under it. A run is let in only where the most that it can cost still fits. Callers of what is stopped get 429 \
        TooManyRequestsException with Reason SpendCapExceeded; events become dead letters of that condition.")]
    Set(SetCap),
    /// Remove a cap
    Remove(RemoveCap),
    /// List caps
    List(ListCaps),
    /// Show what was spent under each cap this month
    Status(ListCaps),
}

/// Whose spending is capped; the whole account's unless something else is named.
#[derive(Debug, Clone, Args)]
pub(crate) struct CapScope {
    /// The account [default: the first one]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// One function's
    #[arg(long, value_name = "NAME", conflicts_with = "tag")]
    pub(crate) function: Option<String>,
    /// The function's region [default: that of the configuration]
    #[arg(long, requires = "function")]
    pub(crate) region: Option<String>,
    /// That of all functions with a tag, together
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Option<String>,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

impl CapScope {
    /// The scope in the form in which it is kept; `region` is the configuration's.
    pub(crate) fn scope(&self, region: &str) -> Result<Scope, domain::ParseError> {
        match (&self.function, &self.tag) {
            (Some(name), _) => {
                let region = self.region.as_deref().unwrap_or(region);
                format!("function:{region}:{name}").parse()
            }
            (None, Some(tag)) => format!("tag:{tag}").parse(),
            (None, None) => Ok(Scope::Account),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct SetCap {
    #[command(flatten)]
    pub(crate) scope: CapScope,
    /// What a calendar month (UTC) may cost
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub(crate) limit: Decimal,
    /// Its currency; usage priced in another one is not under the cap
    #[arg(long, default_value = "USD")]
    pub(crate) currency: String,
    /// stop: nothing more runs; throttle:N: N run at once; alert: everything runs, and it is said
    #[arg(long, default_value = "stop")]
    pub(crate) action: Action,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveCap {
    #[command(flatten)]
    pub(crate) scope: CapScope,
}

#[derive(Debug, Args)]
pub(crate) struct ListCaps {
    /// Only this account's
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

impl Caps {
    pub(crate) fn operator(&self) -> &Operator {
        match self {
            Self::Set(SetCap { scope, .. }) | Self::Remove(RemoveCap { scope }) => &scope.operator,
            Self::List(list) | Self::Status(list) => &list.operator,
        }
    }
}
