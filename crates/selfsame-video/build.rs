//! Tells the crate which FFmpeg it is built against, where that changed an interface.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(ffmpeg_8)");
    // Set by ffmpeg-sys-the-third, which has looked at the headers.
    if std::env::var_os("DEP_FFMPEG_FFMPEG_8_0").is_some() {
        println!("cargo::rustc-cfg=ffmpeg_8");
    }
}
