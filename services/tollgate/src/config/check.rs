//! What of a configuration makes no sense.

use chassis::config::Loaded;

use super::{Amount, Config, Shape};

/// Refuses values and combinations that are legal one by one but make no sense.
pub(super) fn check(loaded: &Loaded<Config>, shape: Shape) -> Result<(), String> {
    let config = &loaded.config;
    let from = |key: &str| format!("{key} ({})", loaded.source(key));
    check_ranges(config, &from)?;
    check_listener(config, &from)?;
    check_issuer(config, &from)?;
    if let Some(announce) = &config.executor.announce
        && !is_host_port(announce)
    {
        return Err(format!(
            "{} must be host:port, not {announce:?}.",
            from("executor.announce")
        ));
    }
    if config.dev_clock && !matches!(shape, Shape::Up | Shape::Operator) {
        return Err(format!(
            "{}: only `tollgate up` has a development clock.",
            from("dev_clock")
        ));
    }
    if let Some(url) = &config.executor.gateway_url
        && let Err(why) = url.parse::<executor::GatewayUrl>()
    {
        return Err(format!("{}: {why}.", from("executor.gateway_url")));
    }
    check_urls(loaded, shape, &from)?;
    if let Some(endpoint) = &config.telemetry.otlp_endpoint
        && !endpoint.starts_with("http://")
    {
        return Err(format!(
            "{} must begin with http://: traces go to a collector nearby.",
            from("telemetry.otlp_endpoint")
        ));
    }
    Ok(())
}

fn is_host_port(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| {
        !host.is_empty() && port.parse().is_ok_and(|port: u16| port > 0)
    })
}

fn check_ranges(config: &Config, from: &dyn Fn(&str) -> String) -> Result<(), String> {
    let memory = match config.executor.memory_mb {
        Amount::Auto => 128,
        Amount::Mb(mb) => mb,
    };
    let ranges = [
        ("drain_s", config.drain_s, 1, 3600),
        (
            "database.connections_max",
            config.database.connections_max.into(),
            2,
            1000,
        ),
        ("executor.memory_mb", memory, 128, 1 << 30),
        (
            "queue.in_flight_max",
            config.queue.in_flight_max as u64,
            1,
            100_000,
        ),
        (
            "billing.payment_days",
            config.billing.payment_days.into(),
            0,
            365,
        ),
        ("executor.idle_s", config.executor.idle_s, 1, 86_400),
        (
            "executor.parked_runtimes",
            config.executor.parked_runtimes as u64,
            0,
            100,
        ),
    ];
    if config.executor.resolvers.len() > 3 {
        return Err(format!(
            "{} names more than three servers.",
            from("executor.resolvers")
        ));
    }
    for (key, value, min, max) in ranges {
        if !(min..=max).contains(&value) {
            return Err(format!(
                "{} must be between {min} and {max}, not {value}.",
                from(key)
            ));
        }
    }
    Ok(())
}

fn check_listener(config: &Config, from: &dyn Fn(&str) -> String) -> Result<(), String> {
    let gateway = &config.gateway;
    match (&gateway.tls_cert, &gateway.tls_key) {
        (Some(_), None) => {
            return Err(format!(
                "{} also needs gateway.tls_key.",
                from("gateway.tls_cert")
            ));
        }
        (None, Some(_)) => {
            return Err(format!(
                "{} also needs gateway.tls_cert.",
                from("gateway.tls_key")
            ));
        }
        _ => {}
    }
    let tls = gateway.tls_cert.is_some();
    if tls && gateway.insecure_listen {
        return Err(format!(
            "{} contradicts {}: choose one.",
            from("gateway.insecure_listen"),
            from("gateway.tls_cert")
        ));
    }
    if !gateway.listen.ip().is_loopback() && !tls && !gateway.insecure_listen {
        return Err(format!(
            "{} is {}, which other machines can reach: give a certificate (--tls-cert, --tls-key), or accept plain HTTP \
             with --insecure-listen.",
            from("gateway.listen"),
            gateway.listen
        ));
    }
    Ok(())
}

fn check_issuer(config: &Config, from: &dyn Fn(&str) -> String) -> Result<(), String> {
    let billing = &config.billing;
    if billing.issuer_name.trim().is_empty() {
        return Err(format!("{} is empty.", from("billing.issuer_name")));
    }
    let country = &billing.issuer_country;
    let is_country = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    if !country.is_empty() && !is_country {
        return Err(format!(
            "{} must be two capital letters such as DE, not {country:?}.",
            from("billing.issuer_country")
        ));
    }
    let prefix = &billing.number_prefix;
    let legal = |c: char| c.is_ascii_graphic();
    if prefix.len() > 32 || !prefix.chars().all(legal) {
        return Err(format!(
            "{} must have at most 32 letters, digits and signs, and no space; it is {prefix:?}.",
            from("billing.number_prefix")
        ));
    }
    Ok(())
}

fn check_urls(
    loaded: &Loaded<Config>,
    shape: Shape,
    from: &dyn Fn(&str) -> String,
) -> Result<(), String> {
    let config = &loaded.config;
    let stores = [
        (
            "database",
            "DATABASE",
            &config.database.url,
            &config.database.url_file,
        ),
        ("redis", "REDIS", &config.redis.url, &config.redis.url_file),
    ];
    for (name, variable, url, file) in stores {
        let (url_key, file_key) = (format!("{name}.url"), format!("{name}.url_file"));
        if url.is_some() && file.is_some() {
            return Err(format!(
                "{} contradicts {}: choose one.",
                from(&url_key),
                from(&file_key)
            ));
        }
        if url.as_deref().is_some_and(has_password) {
            return Err(format!(
                "{} holds a password, where others may see it: put it into TOLLGATE_{variable}_PASSWORD, or the whole URL \
                 into a file named by {file_key}.",
                from(&url_key)
            ));
        }
        let set = [&url_key, &file_key]
            .into_iter()
            .find(|key| loaded.is_set(key));
        match (shape, set) {
            (Shape::Up, Some(key)) => {
                return Err(format!(
                    "{}: `tollgate up` runs its own {name}. To use a given one, run `tollgate migrate`, `tollgate gateway` \
                     and `tollgate executor`.",
                    from(key)
                ));
            }
            (
                Shape::Gateway | Shape::Executor | Shape::Queue | Shape::Scheduler | Shape::Billing,
                None,
            ) => {
                return Err(format!(
                    "{url_key} is missing: give --{name}-url, TOLLGATE_{variable}_URL or {file_key}."
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a URL has a password between its user and its host, or in its query.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let in_authority = authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'));
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    in_authority || query.split('&').any(|pair| pair.starts_with("password="))
}
