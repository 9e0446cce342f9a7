//! Backbones for clips: `[batch, channels, frames, height, width]` to features.
