//! What the replay must hold to.
