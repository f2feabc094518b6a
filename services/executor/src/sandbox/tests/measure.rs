//! What a sandbox costs. Figures to look at; the load tests judge them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::join_all;

use super::*;

#[tokio::test]
async fn start_to_exit() {
    let host = containers().await;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        let started = Instant::now();
        assert!(
            Command::new("/bin/true")
                .stdin(Stdio::null())
                .status()
                .unwrap()
                .success()
        );
        bare.push(started.elapsed());
        let started = Instant::now();
        let sandbox = host.launch(program(&["/bin/true"])).await;
        assert_eq!(sandbox.exited().await, code(0));
        ours.push(started.elapsed());
        sandbox.destroy().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bare.sort_unstable();
    ours.sort_unstable();
    println!(
        "bare p50 {:?} p90 {:?}; sandbox p50 {:?} p90 {:?}",
        bare[30], bare[54], ours[30], ours[54]
    );
    assert!(
        ours[30] < Duration::from_millis(100),
        "a sandbox takes {:?}",
        ours[30]
    );
}

#[tokio::test]
async fn twenty_at_once() {
    let host = containers().await;
    let started = Instant::now();
    let all = join_all((0..20).map(|_| async {
        let sandbox = host.launch(program(&["/bin/true"])).await;
        sandbox.exited().await
    }))
    .await;
    println!("twenty at once: {:?}", started.elapsed());
    assert!(all.iter().all(|exit| *exit == code(0)));
}
