//! Control in selfsame: environments and replay, agents that learn from pixels (Rainbow, SAC), and what contrastive learning (CURL, RCRL) adds to them.

pub mod data;
pub mod eval;
pub mod method;
pub mod model;
pub mod pretrain;
pub mod settings;
mod state;
pub mod trained;
pub mod view;
