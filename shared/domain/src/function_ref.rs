//! How callers name a function: by name, partial ARN or full ARN, with or without a qualifier.

use std::fmt;
use std::str::FromStr;

use crate::{AccountId, FunctionName, ParseError, Qualifier, Region};

/// A full function ARN: `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FunctionArn {
    pub region: Region,
    pub account: AccountId,
    pub name: FunctionName,
    pub qualifier: Option<Qualifier>,
}

impl FunctionArn {
    /// The same function with this qualifier, or with none.
    #[must_use]
    pub fn qualified(mut self, qualifier: Option<Qualifier>) -> Self {
        self.qualifier = qualifier;
        self
    }
}

impl FromStr for FunctionArn {
    type Err = ParseError;

    /// Only a full ARN: a name alone is none.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let FunctionRef {
            region,
            account,
            name,
            qualifier,
        } = text.parse()?;
        let (Some(region), Some(account)) = (region, account) else {
            return Err(ParseError::new(format!("{text:?} is no function's ARN")));
        };
        Ok(Self {
            region,
            account,
            name,
            qualifier,
        })
    }
}

impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:aws:lambda:{}:{}:function:{}",
            self.region, self.account, self.name
        )?;
        match &self.qualifier {
            Some(qualifier) => write!(f, ":{qualifier}"),
            None => Ok(()),
        }
    }
}

/// A function as a caller wrote it. Parts that the caller left out are `None`.
///
/// Accepted forms (Lambda API, `FunctionName`): `name`, `name:qualifier`, `ACCOUNT:function:name[:qualifier]`,
/// `REGION:ACCOUNT:function:name[:qualifier]` and `arn:aws:lambda:REGION:ACCOUNT:function:name[:qualifier]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionRef {
    pub region: Option<Region>,
    pub account: Option<AccountId>,
    pub name: FunctionName,
    pub qualifier: Option<Qualifier>,
}

impl FromStr for FunctionRef {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || {
            ParseError::new(format!(
                "{text:?} is neither a function name nor a function ARN"
            ))
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (region, account, rest) = match parts.as_slice() {
            [
                "arn",
                partition,
                "lambda",
                region,
                account,
                "function",
                rest @ ..,
            ] if partition.starts_with("aws") => (Some(*region), Some(*account), rest),
            [region, account, "function", rest @ ..] => (Some(*region), Some(*account), rest),
            [account, "function", rest @ ..] => (None, Some(*account), rest),
            ["function", rest @ ..] | rest => (None, None, rest),
        };
        let (name, qualifier) = match rest {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some(*qualifier)),
            _ => return Err(bad()),
        };
        Ok(Self {
            region: region.map(str::parse).transpose()?,
            account: account.map(str::parse).transpose()?,
            name: name.parse()?,
            qualifier: qualifier.map(str::parse).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Option<(&str, &str, &str, &str)>) {
        let show = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
        let got = text.parse::<FunctionRef>().ok().map(|r| {
            (
                show(r.region.map(|p| p.to_string())),
                show(r.account.map(|p| p.to_string())),
                r.name.to_string(),
                show(r.qualifier.map(|p| p.to_string())),
            )
        });
        let want =
            want.map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned()));
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn every_form_of_a_function_name() {
        check("f", Some(("-", "-", "f", "-")));
        check("f:prod", Some(("-", "-", "f", "prod")));
        check("f:$LATEST", Some(("-", "-", "f", "$LATEST")));
        check(
            "123456789012:function:f",
            Some(("-", "123456789012", "f", "-")),
        );
        check(
            "us-east-1:123456789012:function:f:3",
            Some(("us-east-1", "123456789012", "f", "3")),
        );
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:f:prod";
        check(arn, Some(("eu-west-1", "123456789012", "f", "prod")));
        check(
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:f",
            Some(("cn-north-1", "123456789012", "f", "-")),
        );
        check("", None);
        check("f:g:h", None);
        check("a/b", None);
        check("arn:aws:s3:eu-west-1:123456789012:function:f", None);
        check("arn:aws:lambda:eu-west-1:12345:function:f", None);
    }
}
