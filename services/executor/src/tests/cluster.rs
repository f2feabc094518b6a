//! An executor that gateways of other processes find in Redis and call over a socket.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::StreamExt as _;
use redis::AsyncCommands as _;
use rpc::executor::Client;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tonic::Code;

use super::fixture::{Fixture, request};
use crate::Cluster;
use crate::registry::{Announcement, KEY_PREFIX};

/// A Redis of the test's own, stopped with this.
struct Redis {
    process: Child,
    dir: tempfile::TempDir,
}

impl Redis {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let process = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--unixsocket",
                "socket",
                "--dir",
            ])
            .arg(dir.path())
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server");
        Self { process, dir }
    }

    async fn connect(&self) -> redis::aio::ConnectionManager {
        let url = format!("unix://{}/socket", self.dir.path().display());
        let connecting = async {
            loop {
                match chassis::redis::connect(&url, None).await {
                    Ok(connection) => return connection,
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), connecting)
            .await
            .expect("Redis answers")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn announced_served_and_withdrawn() {
    let redis = Redis::start();
    let mut connection = redis.connect().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let cluster = Cluster {
        advertise: address.clone(),
        secret: SecretString::from("open sesame"),
        redis: connection.clone(),
    };
    let fixture = Fixture::tuned(|options| options.cluster = Some(cluster)).await;
    let serving = fixture.handle.serve(listener);
    let story = async {
        let key = format!("{KEY_PREFIX}{}", fixture.handle.id());
        let text = announced(&mut connection, &key).await;
        let announcement: Announcement = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (announcement.addr.as_str(), announcement.boot_epoch),
            (address.as_str(), 1)
        );
        assert_eq!(
            (announcement.id, announcement.isolation.as_str()),
            (fixture.handle.id(), "container")
        );
        let left: i64 = connection.pttl(&key).await.unwrap();
        assert!((1..=4_000).contains(&left), "{left}");
        // Redis may be wiped: it is told again.
        let () = redis::cmd("FLUSHALL")
            .query_async(&mut connection)
            .await
            .unwrap();
        announced(&mut connection, &key).await;

        let spec = fixture
            .python("def handler(event, context):\n    return event")
            .await;
        for wrong in ["", "open sesam", "open sesame!", "Open sesame"] {
            let stranger = Client::remote(&address, wrong).unwrap();
            let refused = stranger.invoke(request(&spec, "1")).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated, "{wrong:?}");
            assert_eq!(
                stranger.watch().await.err().unwrap().code(),
                Code::Unauthenticated
            );
        }
        let gateway = Client::remote(&address, "open sesame").unwrap();
        let reply = gateway.invoke(request(&spec, "42")).await.unwrap();
        assert_eq!(&reply.payload[..], b"42");
        let mut rooms = gateway.watch().await.unwrap();
        let room = rooms.next().await.unwrap().unwrap();
        assert_eq!(room.executor_id, fixture.handle.id());

        fixture.life.drain().cancel();
        while let Some(Ok(room)) = rooms.next().await {
            assert!(room.draining);
        }
        key
    };
    let (served, key) = tokio::join!(serving, story);
    served.unwrap();
    fixture.stop().await;
    assert_eq!(
        connection.get::<_, Option<String>>(&key).await.unwrap(),
        None
    );
}

async fn announced(connection: &mut redis::aio::ConnectionManager, key: &str) -> String {
    let waiting = async {
        loop {
            if let Some(text) = connection.get::<_, Option<String>>(key).await.unwrap() {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), waiting)
        .await
        .expect("an announcement")
}
