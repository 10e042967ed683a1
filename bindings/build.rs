//! Makes the library smaller where the linker is known to be LLD: Rust's own for Linux on x86-64, the NDK's for Android.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    let lld = target("OS") == "android" || (target("OS") == "linux" && target("ARCH") == "x86_64");
    if lld {
        // Relative relocations packed (a megabyte less; Android 11 and glibc 2.36 read them).
        println!("cargo::rustc-cdylib-link-arg=-Wl,--pack-dyn-relocs=relr");
    }
}
