//! Lets the program find libtorch with no variable set: an absolute run path survives moved target folders and RUSTFLAGS.
fn main() {
    let libraries = std::env::var("DEP_SIMCLR_TORCHX_LIB").expect("simclr-torchx says where libtorch is");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{libraries}");
}
