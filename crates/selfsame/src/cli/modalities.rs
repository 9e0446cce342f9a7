//! All kinds of data that can be learned from.

use selfsame_core::pretrain::Modality;

/// Each kind with its methods, in the order in which they are listed.
pub static MODALITIES: [&Modality; 2] =
    [&selfsame_image::pretrain::MODALITY, &selfsame_graph::pretrain::MODALITY];
