//! `tollgate async policy`.

use anyhow::Result;
use gateway::api::types::{AsyncPolicy, Backoff, Priority, SetAsyncPolicy};
use http::Method;
use serde_json::{Value, json};

use crate::args;
use crate::client::api::is_missing;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::print_json;
use crate::client::span_text;
use crate::settings::percent_encoded;

pub(super) async fn run(args: args::Policy) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let path = format!(
        "/functions/{}/async-policy",
        percent_encoded(&args.function)
    );
    let json = args.output.json;
    if args.remove {
        let was: AsyncPolicy = endpoint
            .tollgate(Method::DELETE, &path, &Value::Null)
            .await?;
        return if json {
            print_json(&was)
        } else {
            print(format!("{} has no policy any more.", was.function).as_bytes())
        };
    }
    let is = match endpoint.ask::<AsyncPolicy>(&path).await {
        Ok(policy) => Some(policy),
        Err(error) if is_missing(&error) && changes(&args) => None,
        Err(error) => return Err(error),
    };
    let policy = if changes(&args) {
        let body = json!(changed(&args, is));
        endpoint.tollgate(Method::PUT, &path, &body).await?
    } else {
        match is {
            Some(policy) => policy,
            // Missing and nothing to change is an error of the request above.
            None => return Ok(()),
        }
    };
    if json {
        return print_json(&policy);
    }
    print(text(&policy).as_bytes())
}

fn changes(args: &args::Policy) -> bool {
    args.max_attempts.is_some()
        || args.max_age.is_some()
        || args.backoff.is_some()
        || args.priority.is_some()
}

/// What there is, with what the arguments name.
fn changed(args: &args::Policy, is: Option<AsyncPolicy>) -> SetAsyncPolicy {
    let age_s = args
        .max_age
        .and_then(|age| u32::try_from(age.num_seconds()).ok());
    let is = is.map(|is| SetAsyncPolicy {
        max_attempts: is.max_attempts,
        max_event_age_s: is.max_event_age_s,
        backoff: is.backoff,
        priority: is.priority,
    });
    let is = is.unwrap_or_else(|| SetAsyncPolicy {
        max_attempts: None,
        max_event_age_s: None,
        backoff: None,
        priority: Priority::default(),
    });
    SetAsyncPolicy {
        max_attempts: args.max_attempts.or(is.max_attempts),
        max_event_age_s: age_s.or(is.max_event_age_s),
        backoff: args.backoff.clone().or(is.backoff),
        priority: args.priority.unwrap_or(is.priority),
    }
}

fn text(policy: &AsyncPolicy) -> String {
    let unset = "as its event invoke configs say";
    let attempts = policy.max_attempts.map(|attempts| attempts.to_string());
    let seconds = |s: u32| span_text(chrono::TimeDelta::seconds(s.into()));
    let age = policy.max_event_age_s.map(seconds);
    let waits = match &policy.backoff {
        None => "1 min, 2 min, ... as on AWS".to_owned(),
        Some(Backoff::List(waits_s)) => {
            let waits: Vec<String> = waits_s.iter().copied().map(seconds).collect();
            format!("{}, the last one again and again", waits.join(", "))
        }
        Some(Backoff::Exponential {
            first_s,
            factor,
            max_s,
            jitter,
        }) => format!(
            "{}, each {factor} times the one before, at most {}, less up to {} % by chance",
            seconds(*first_s),
            seconds(*max_s),
            jitter * 100.0,
        ),
    };
    let priority = match policy.priority {
        Priority::High => "high",
        Priority::Normal => "normal",
        Priority::Low => "low",
    };
    format!(
        "Function      {}\nMax attempts  {}\nMax age       {}\nWaits         {waits}\nPriority      {priority}",
        policy.function,
        attempts.as_deref().unwrap_or(unset),
        age.as_deref().unwrap_or(unset),
    )
}

/// `5,30,120`, or `first=5,factor=2,max=300,jitter=0.2` (factor 2, jitter 0 where they are left out).
pub(crate) fn parse_backoff(text: &str) -> Result<Backoff, String> {
    let wrong = || {
        format!(
            "{text:?} is neither a list of seconds such as 5,30,120 nor like first=5,factor=2,max=300,jitter=0.2"
        )
    };
    if !text.contains('=') {
        let waits: Result<Vec<u32>, _> = text.split(',').map(|wait| wait.trim().parse()).collect();
        return waits.map(Backoff::List).map_err(|_| wrong());
    }
    let (mut first, mut factor, mut max, mut jitter) = (None, 2.0, None, 0.0);
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        let (name, value) = (name.trim(), value.trim());
        match name {
            "first" => first = Some(value.parse().map_err(|_| wrong())?),
            "factor" => factor = value.parse().map_err(|_| wrong())?,
            "max" => max = Some(value.parse().map_err(|_| wrong())?),
            "jitter" => jitter = value.parse().map_err(|_| wrong())?,
            _ => return Err(wrong()),
        }
    }
    Ok(Backoff::Exponential {
        first_s: first.ok_or_else(wrong)?,
        factor,
        max_s: max.ok_or_else(wrong)?,
        jitter,
    })
}

#[cfg(test)]
mod tests {
    use gateway::api::types::Example as _;

    use super::*;

    #[test]
    fn waits_are_a_list_or_grow() {
        let check = |text: &str, expected: Option<Backoff>| {
            assert_eq!(parse_backoff(text).ok(), expected, "{text}");
        };
        let grows = |factor: f64, jitter: f64| Backoff::Exponential {
            first_s: 5,
            factor,
            max_s: 300,
            jitter,
        };
        check("5, 30,120", Some(Backoff::List(vec![5, 30, 120])));
        check("0", Some(Backoff::List(vec![0])));
        check("first=5,max=300", Some(grows(2.0, 0.0)));
        check(
            "max=300,first=5,factor=1.5,jitter=0.2",
            Some(grows(1.5, 0.2)),
        );
        for bad in [
            "",
            "5,x",
            "first=5",
            "max=3",
            "first=5,max=9,top=1",
            "first=5,max",
            "-1",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn a_policy_in_words() {
        let mut policy = AsyncPolicy::example();
        let expected = "\
Function      resize
Max attempts  10
Max age       as its event invoke configs say
Waits         5 s, 30 s, 2 min, the last one again and again
Priority      normal";
        assert_eq!(text(&policy), expected);
        policy.backoff = SetAsyncPolicy::example().backoff;
        policy.max_event_age_s = Some(7_200);
        let text = text(&policy);
        assert!(
            text.contains("Waits         5 s, each 2 times the one before, at most 5 min, less up to 20 % by chance\n"),
            "{text}"
        );
        assert!(text.contains("Max age       2 h\n"), "{text}");
    }
}
