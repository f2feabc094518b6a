//! Removing what deleted log groups leave behind, in small steps beside everything else.

use chassis::Lifecycle;
use store::Store;

/// Events removed in one transaction.
const STEP_EVENTS: u32 = 5_000;

/// Runs until nothing is left or the process drains; what is left then goes at the next start or deletion.
pub(crate) async fn sweep(store: Store, life: Lifecycle) {
    while !life.drain().is_cancelled() {
        match store.sweep_logs(STEP_EVENTS).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "removing events of deleted log groups failed, the next deletion tries again");
                return;
            }
        }
    }
}
