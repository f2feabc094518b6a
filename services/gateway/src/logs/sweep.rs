//! Removing what deleted log groups leave behind, in small steps beside everything else.

use chassis::Lifecycle;
use store::Store;
use tokio::sync::Mutex;

/// Rows of each kind removed in one transaction: single events, and chunks of 64 KiB at most.
const STEP_ROWS: u32 = 1_000;

/// One sweep at a time: a hundred deletions at once must not take a hundred connections. Those that wait find nothing left.
static TURN: Mutex<()> = Mutex::const_new(());

/// Runs until nothing is left or the process drains; what is left then goes at the next start or deletion.
pub(crate) async fn sweep(store: Store, life: Lifecycle) {
    let _turn = TURN.lock().await;
    while !life.drain().is_cancelled() {
        match store.sweep_logs(STEP_ROWS).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "removing events of deleted log groups failed, the next deletion tries again");
                return;
            }
        }
    }
}
