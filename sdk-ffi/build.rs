//! What the linker has to know of the shared library.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // Programs that are built with this library ask for this name: a library that breaks them gets another one.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libflagcore.so.0");
        // Threads run and fork handlers point into it: it cannot be unloaded.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
