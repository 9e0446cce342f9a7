//! How one video becomes several clips: the same random transformation for all frames of a clip.
