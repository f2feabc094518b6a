//! SKUs: the dimensions that are metered and priced.

use std::fmt;
use std::str::FromStr;

use crate::{Architecture, ParseError};

/// A dimension of usage, with the name under which the price book and the usage rows know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sku {
    /// One per execution.
    Requests,
    /// Memory × billed time on demand, per architecture: each has its own tiers.
    Duration(Architecture),
    /// `/tmp` beyond 512 MB × billed time.
    EphemeralStorage,
    /// Configured memory × time enabled.
    Provisioned(Architecture),
    /// Memory × billed time under provisioned concurrency.
    ProvisionedDuration(Architecture),
    /// Memory × time a snapshot is kept.
    SnapstartCache,
    /// Memory per restored snapshot.
    SnapstartRestore,
    /// Bytes after the first 6 MB of each streamed response.
    StreamingResponse,
    /// Bytes to the internet.
    DataTransferOut,
}

/// What one unit price buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    GbSecond,
    MillionRequests,
    /// A GB of data.
    Gb,
    /// A GB of memory, once.
    GbMemory,
}

impl Unit {
    /// Metered quanta in one unit, binary as AWS counts (`spec/billing-rules.md`, R1): 1 GB = 1,024 MB.
    pub fn quanta(self) -> i128 {
        match self {
            Self::GbSecond => 1_024 * 1_000,
            Self::MillionRequests => 1_000_000,
            Self::Gb => 1 << 30,
            Self::GbMemory => 1_024,
        }
    }

    /// The price book's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GbSecond => "GB-second",
            Self::MillionRequests => "1000000 requests",
            Self::Gb | Self::GbMemory => "GB",
        }
    }

    /// What one quantum is called in reports.
    pub fn quantum(self) -> &'static str {
        match self {
            Self::GbSecond => "MB·ms",
            Self::MillionRequests => "request",
            Self::Gb => "byte",
            Self::GbMemory => "MB",
        }
    }
}

impl Sku {
    /// Every SKU there is.
    pub const ALL: [Self; 12] = [
        Self::Requests,
        Self::Duration(Architecture::X86_64),
        Self::Duration(Architecture::Arm64),
        Self::EphemeralStorage,
        Self::Provisioned(Architecture::X86_64),
        Self::Provisioned(Architecture::Arm64),
        Self::ProvisionedDuration(Architecture::X86_64),
        Self::ProvisionedDuration(Architecture::Arm64),
        Self::SnapstartCache,
        Self::SnapstartRestore,
        Self::StreamingResponse,
        Self::DataTransferOut,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Duration(Architecture::X86_64) => "duration-x86_64",
            Self::Duration(Architecture::Arm64) => "duration-arm64",
            Self::EphemeralStorage => "ephemeral-storage",
            Self::Provisioned(Architecture::X86_64) => "provisioned-x86_64",
            Self::Provisioned(Architecture::Arm64) => "provisioned-arm64",
            Self::ProvisionedDuration(Architecture::X86_64) => "provisioned-duration-x86_64",
            Self::ProvisionedDuration(Architecture::Arm64) => "provisioned-duration-arm64",
            Self::SnapstartCache => "snapstart-cache",
            Self::SnapstartRestore => "snapstart-restore",
            Self::StreamingResponse => "streaming-response",
            Self::DataTransferOut => "data-transfer-out",
        }
    }

    /// The unit that a price of this SKU is per.
    pub fn unit(self) -> Unit {
        match self {
            Self::Requests => Unit::MillionRequests,
            Self::SnapstartRestore => Unit::GbMemory,
            Self::StreamingResponse | Self::DataTransferOut => Unit::Gb,
            Self::Duration(_)
            | Self::EphemeralStorage
            | Self::Provisioned(_)
            | Self::ProvisionedDuration(_)
            | Self::SnapstartCache => Unit::GbSecond,
        }
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Sku {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|sku| sku.as_str() == text)
            .ok_or_else(|| ParseError::new(format!("{text:?} is not a known SKU")))
    }
}
