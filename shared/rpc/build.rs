//! Compiles proto/ without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = "../../proto";
    println!("cargo::rerun-if-changed={root}");
    let files = protox::compile(["executor/v1/executor.proto"], [root])?;
    tonic_prost_build::configure()
        .bytes(".tollgate.executor.v1.InvokeRequest.payload")
        .bytes(".tollgate.executor.v1.InvokeReply.payload")
        .compile_fds(files)?;
    Ok(())
}
