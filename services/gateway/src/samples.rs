//! What the tests of handlers start from: a gateway's parts over a database and a blob directory of their own.

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use chassis::{Clock, Ids, Lifecycle};
use chrono::{DateTime, TimeDelta, Utc};
use dispatch::Dispatch;
use domain::AccountId;
use domain::price::Sku;
use domain::price::book::hour_of;
use domain::usage::{Batch, BatchId, Counts, Place, Sums};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tempfile::TempDir;

use crate::call::{App, Call};
use crate::keys::Keys;
use crate::lambda::invoke::event::Intake;
use crate::measures::Measures;

pub(crate) const ALICE: u64 = 111_111_111_111;
pub(crate) const BOB: u64 = 222_222_222_222;

/// A gateway without listener and executors, and two accounts.
pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Clock,
    _blobs: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let store = store::testing::store().await.unwrap();
        for number in [ALICE, BOB] {
            let id = AccountId::new(number).unwrap();
            store
                .create_account(id, "test", now())
                .await
                .unwrap()
                .unwrap();
        }
        let blobs = tempfile::tempdir().unwrap();
        let clock = Clock::frozen(now());
        let life = Lifecycle::new();
        let hints = dispatch::hints::Hints::new(nobody());
        let intake = Intake::start(store.clone(), hints, clock.clone(), Ids, &life);
        let app = App {
            intake,
            dispatch: Dispatch::new(store.clone(), nobody(), "test".into(), clock.clone(), Ids),
            keys: Keys::new(store.clone()),
            looks: crate::api::Looks::default(),
            store,
            clock: clock.clone(),
            host_clock: clock.clone(),
            dev_clock: None,
            ids: Ids,
            life,
            blobs: package::Blobs::local(blobs.path()).unwrap(),
            url_key: [7; 32],
            scheme: "http",
            webhooks_private: true,
            measures: Measures::default(),
        };
        Self {
            app: Arc::new(app),
            clock,
            _blobs: blobs,
        }
    }

    /// Usage of this account's functions in the hour of `at`, as an executor's batch brings it: region, function, SKU, quantity.
    pub(crate) async fn meter(
        &self,
        account: u64,
        at: DateTime<Utc>,
        usage: &[(&str, &str, Sku, i128)],
    ) {
        let mut sums = Sums::default();
        for (region, function, sku, quantity) in usage {
            let place = Place {
                account: AccountId::new(account).unwrap(),
                hour: hour_of(at),
                region: region.parse().unwrap(),
                sku: *sku,
                resource: format!("arn:aws:lambda:{region}:{account:012}:function:{function}"),
            };
            sums.add_quantity(place, *quantity);
        }
        let batch = Batch {
            id: BatchId {
                executor: self.app.ids.random(),
                boot_epoch: 1,
                batch_seq: 1,
            },
            first_event: 1,
            last_event: 0,
            covers_until: at,
            sha256: [0; 32],
            closes_epoch: false,
            counts: Counts::default(),
            sums,
        };
        let ingested = self.app.store.ingest_usage(&batch).await.unwrap();
        assert_eq!(ingested, store::usage::Ingested::Counted);
    }

    /// A request of this account in eu-west-1.
    pub(crate) fn call(&self, account: u64) -> Call {
        Call {
            app: Arc::clone(&self.app),
            account: AccountId::new(account).unwrap(),
            region: "eu-west-1".parse().unwrap(),
            request_id: self.app.ids.random(),
            access_key_id: "AKIATEST".to_owned(),
            base_url: "http://127.0.0.1:9400".to_owned(),
        }
    }
}

/// A Redis that no handler under test asks for anything: the connection is made when first used.
fn nobody() -> ConnectionManager {
    let client = redis::Client::open("redis://127.0.0.1:1/").unwrap();
    ConnectionManager::new_lazy_with_config(client, ConnectionManagerConfig::new()).unwrap()
}

/// 2026-11-23T10:00:00.250Z.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_428_000, 0).unwrap() + TimeDelta::milliseconds(250)
}

/// A zip of one file.
pub(crate) fn zip(name: &str, contents: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file(name, zip::write::SimpleFileOptions::default())
        .unwrap();
    writer.write_all(contents.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}
