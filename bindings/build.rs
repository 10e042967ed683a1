//! Makes the library smaller where the linker is known to be LLD: Rust's own for Linux on x86-64, the NDK's for Android.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    // Relative relocations packed: a megabyte less. Read by Android 11, and by glibc 2.36, which wants to be told.
    let pack = match (target("OS").as_str(), target("ARCH").as_str()) {
        ("android", _) => "--pack-dyn-relocs=relr",
        ("linux", "x86_64") => "-z,pack-relative-relocs",
        _ => return,
    };
    println!("cargo::rustc-cdylib-link-arg=-Wl,{pack}");
}
