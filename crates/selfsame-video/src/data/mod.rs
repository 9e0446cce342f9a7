//! Where clips come from: compressed files, decoded frame by frame, with the motion vectors and key frames that they hold.
