//! AWS's own managed policies: those that people attach to roles of functions. They exist to be attached, got and listed.

use aws_model::iam::Policy;
use chrono::{DateTime, Utc};

use super::names::seconds;

/// A policy of AWS, with the figures that AWS publishes of it.
pub(super) struct Managed {
    pub(super) name: &'static str,
    path: &'static str,
    /// Where we know it.
    id: Option<&'static str>,
    version: &'static str,
    created_at: &'static str,
    updated_at: &'static str,
    description: &'static str,
}

const PREFIX: &str = "arn:aws:iam::aws:policy";

impl Managed {
    pub(super) fn arn(&self) -> String {
        format!("{PREFIX}{}{}", self.path, self.name)
    }

    /// The policy as clients see it, attached to so many of the caller's roles.
    pub(super) fn answer(&self, attachments: i32) -> Policy {
        Policy {
            policy_name: Some(self.name.to_owned()),
            policy_id: self.id.map(str::to_owned),
            arn: Some(self.arn()),
            path: Some(self.path.to_owned()),
            default_version_id: Some(self.version.to_owned()),
            attachment_count: Some(attachments),
            permissions_boundary_usage_count: Some(0),
            is_attachable: Some(true),
            description: Some(self.description.to_owned()),
            create_date: date(self.created_at),
            update_date: date(self.updated_at),
            tags: None,
        }
    }
}

fn date(text: &str) -> Option<f64> {
    text.parse::<DateTime<Utc>>().ok().map(seconds)
}

/// Whether the ARN is of AWS's own policies, known or not.
pub(super) fn is_aws(arn: &str) -> bool {
    arn.starts_with("arn:aws:iam::aws:")
}

/// AWS's policy of this ARN.
pub(super) fn find(arn: &str) -> Option<&'static Managed> {
    POLICIES.iter().find(|policy| policy.arn() == arn)
}

/// Those behind the ARN `after` whose paths begin with `path_prefix`, in the order of their ARNs.
pub(super) fn list(path_prefix: &str, after: Option<&str>) -> Vec<&'static Managed> {
    let mut policies: Vec<_> = POLICIES
        .iter()
        .filter(|policy| policy.path.starts_with(path_prefix))
        .filter(|policy| after.is_none_or(|after| policy.arn().as_str() > after))
        .collect();
    policies.sort_by_key(|policy| policy.arn());
    policies
}

const SERVICE_ROLE: &str = "/service-role/";

static POLICIES: &[Managed] = &[
    Managed {
        name: "AWSLambdaBasicExecutionRole",
        path: SERVICE_ROLE,
        id: Some("ANPAJNCQGXC42545SKXIK"),
        version: "v1",
        created_at: "2015-04-09T15:03:43Z",
        updated_at: "2015-04-09T15:03:43Z",
        description: "Provides write permissions to CloudWatch Logs.",
    },
    Managed {
        name: "AWSLambdaVPCAccessExecutionRole",
        path: SERVICE_ROLE,
        id: Some("ANPAJVTME3YLVNL72YR2K"),
        version: "v3",
        created_at: "2016-02-11T23:15:26Z",
        updated_at: "2024-01-05T22:38:26Z",
        description: "Provides minimum permissions for a Lambda function to execute while accessing a resource within a VPC - create, describe, delete network interfaces and write permissions to CloudWatch Logs.",
    },
    Managed {
        name: "AWSLambdaSQSQueueExecutionRole",
        path: SERVICE_ROLE,
        id: None,
        version: "v1",
        created_at: "2018-06-14T21:50:45Z",
        updated_at: "2018-06-14T21:50:45Z",
        description: "Provides receive message, delete message, and read attribute access to SQS queues, and write permissions to CloudWatch logs.",
    },
    Managed {
        name: "AWSLambdaDynamoDBExecutionRole",
        path: SERVICE_ROLE,
        id: Some("ANPAIP7WNAGMIPYNW4WQG"),
        version: "v1",
        created_at: "2015-04-09T15:09:29Z",
        updated_at: "2015-04-09T15:09:29Z",
        description: "Provides list and read access to DynamoDB streams and write permissions to CloudWatch Logs.",
    },
    Managed {
        name: "AWSLambdaKinesisExecutionRole",
        path: SERVICE_ROLE,
        id: Some("ANPAJHOLKJPXV4GBRMJUQ"),
        version: "v2",
        created_at: "2015-04-09T15:14:16Z",
        updated_at: "2018-11-19T20:09:24Z",
        description: "Provides list and read access to Kinesis streams and write permissions to CloudWatch Logs.",
    },
    Managed {
        name: "AWSLambdaRole",
        path: SERVICE_ROLE,
        id: Some("ANPAJX4DPCRGTC4NFDUXI"),
        version: "v1",
        created_at: "2015-02-06T18:41:28Z",
        updated_at: "2015-02-06T18:41:28Z",
        description: "Default policy for AWS Lambda service role.",
    },
    Managed {
        name: "AWSLambdaExecute",
        path: "/",
        id: Some("ANPAJE5FX7FQZSU5XAKGO"),
        version: "v1",
        created_at: "2015-02-06T18:40:46Z",
        updated_at: "2015-02-06T18:40:46Z",
        description: "Provides Put, Get access to S3 and full access to CloudWatch Logs.",
    },
    Managed {
        name: "AWSLambda_FullAccess",
        path: "/",
        id: None,
        version: "v7",
        created_at: "2020-11-17T21:14:08Z",
        updated_at: "2026-02-12T18:00:51Z",
        description: "Grants full access to AWS Lambda service, AWS Lambda console features, and other related AWS services.",
    },
    Managed {
        name: "AWSXRayDaemonWriteAccess",
        path: "/",
        id: None,
        version: "v2",
        created_at: "2018-08-28T23:00:33Z",
        updated_at: "2024-02-13T21:58:30Z",
        description: "Allow the AWS X-Ray Daemon to relay raw trace segments data to the service's API and retrieve sampling data (rules, targets, etc.) to be used by the X-Ray SDK.",
    },
    Managed {
        name: "CloudWatchLogsFullAccess",
        path: "/",
        id: None,
        version: "v8",
        created_at: "2015-02-06T18:40:02Z",
        updated_at: "2026-02-12T18:00:33Z",
        description: "Provides full access to CloudWatch Logs",
    },
    Managed {
        name: "AdministratorAccess",
        path: "/",
        id: Some("ANPAIWMBCKSKIEE64ZLYK"),
        version: "v1",
        created_at: "2015-02-06T18:39:46Z",
        updated_at: "2015-02-06T18:39:46Z",
        description: "Provides full access to AWS services and resources.",
    },
    Managed {
        name: "AmazonS3FullAccess",
        path: "/",
        id: Some("ANPAIFIR6V6BVTRAHWINE"),
        version: "v2",
        created_at: "2015-02-06T18:40:58Z",
        updated_at: "2021-09-27T20:16:37Z",
        description: "Provides full access to all buckets via the AWS Management Console.",
    },
    Managed {
        name: "AmazonS3ReadOnlyAccess",
        path: "/",
        id: Some("ANPAIZTJ4DXE7G6AGAE6M"),
        version: "v3",
        created_at: "2015-02-06T18:40:59Z",
        updated_at: "2023-08-10T21:31:39Z",
        description: "Provides read only access to all buckets via the AWS Management Console.",
    },
    Managed {
        name: "AmazonSQSFullAccess",
        path: "/",
        id: Some("ANPAI65L554VRJ33ECQS6"),
        version: "v1",
        created_at: "2015-02-06T18:41:07Z",
        updated_at: "2015-02-06T18:41:07Z",
        description: "Provides full access to Amazon SQS via the AWS Management Console.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_listed_and_dated() {
        for policy in POLICIES {
            assert!(find(&policy.arn()).is_some_and(|found| found.name == policy.name));
            let answer = policy.answer(3);
            assert!(answer.create_date.is_some() && answer.update_date >= answer.create_date);
        }
        assert_eq!(list("/", None).len(), POLICIES.len());
        let roles = list("/service-role/", None);
        assert_eq!(roles.len(), 6);
        assert_eq!(list("/service-role/", Some(&roles[0].arn())).len(), 5);
        assert!(find("arn:aws:iam::aws:policy/None").is_none());
    }
}
