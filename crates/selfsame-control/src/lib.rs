//! Control in selfsame: environments and replay, agents that learn from pixels (Rainbow, SAC), and what contrastive learning (CURL, RCRL) adds to them.

pub mod data;
pub mod method;
pub mod model;
pub mod view;
