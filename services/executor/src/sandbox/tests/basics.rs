use chassis::Lifecycle;
use tokio::io::AsyncReadExt;

use super::super::*;

async fn sandboxes(isolation: Isolation) -> (tempfile::TempDir, Sandboxes) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(std::env::current_exe().unwrap(), dir.path().into(), isolation);
    let sandboxes = Sandboxes::start(options, &Lifecycle::new()).await.unwrap();
    (dir, sandboxes)
}

fn shell(script: &str) -> Launch {
    Launch {
        memory_mb: 128,
        ephemeral_mb: 512,
        argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        binds: Vec::new(),
        cwd: "/".into(),
        control: false,
    }
}

#[tokio::test]
async fn first() {
    let (_dir, sandboxes) = sandboxes(Isolation::Container).await;
    let mut sandbox = sandboxes.launch(shell("cat /proc/self/status; ls -l / /dev /proc /etc /proc/self/fd; id; mount; df; ps ax; exit 3")).await.unwrap();
    let exit = sandbox.exited().await;
    let mut text = String::new();
    sandbox.stdout.read_to_string(&mut text).await.unwrap();
    sandbox.stderr.read_to_string(&mut text).await.unwrap();
    println!("{text}\n{exit:?} {} MB", sandbox.memory_peak_mb());
    sandbox.destroy().await;
}
