//! Compiles the shim against the headers of the libtorch that torch-sys found, and links only its CPU libraries.
use std::{env, path::PathBuf};

fn main() {
    let libraries = PathBuf::from(
        env::var("DEP_TCH_LIBTORCH_LIB")
            .expect("torch-sys says where libtorch is; run tools/native-libs libtorch"),
    );
    let headers = libraries.parent().expect("torch/lib has a parent").join("include");
    println!("cargo:rerun-if-changed=cpp");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .pic(true)
        .include("cpp")
        .include(&headers)
        .include(headers.join("torch/csrc/api/include"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .opt_level(3)
        // Lets `y <= 0 ? 0 : dy` become a masked move; no trap is ever enabled.
        .flag_if_supported("-fno-trapping-math")
        .files(["cpp/torchx.cpp", "cpp/batch_norm_relu.cpp"]);
    // Without it `at::parallel_for`, a template of libtorch's headers, quietly runs on one thread. Clang's OpenMP needs
    // another runtime than the one that libtorch brings.
    let is_parallel = build.get_compiler().is_like_gnu();
    if is_parallel {
        build.flag("-fopenmp");
    }
    build.compile("torchx");
    println!("cargo:lib={}", libraries.display());
    println!("cargo:rustc-link-search=native={}", libraries.display());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    if is_parallel {
        // libtorch's own: two OpenMP runtimes in a process would fight for the cores.
        println!("cargo:rustc-link-lib=dylib:+verbatim=libgomp.so.1");
    }
}
