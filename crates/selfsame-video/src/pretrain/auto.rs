//! What `auto` becomes once the data is known.

use selfsame_core::settings::Resolved;

/// What `auto` depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Videos to learn from.
    pub instances: usize,
    /// Whether the device is a CPU.
    pub cpu: bool,
}

/// Gives every `auto` its value, and says why, one line each.
pub fn resolve_auto(settings: &mut Resolved, facts: &Facts) -> Vec<String> {
    let mut notes = Vec::new();
    let (side, width, why) = match facts.cpu {
        true => (64, 0.25, "which a CPU trains in minutes"),
        false => (112, 1.0, "as published"),
    };
    settings.choose("view", "image_size", side, why, &mut notes);
    settings.choose("backbone", "width", width, why, &mut notes);

    // Some 6,000 videos seen are enough to tell whether anything is learned.
    let epochs = (6_000 / facts.instances.max(1)).clamp(10, 200) as i64;
    let why = format!("{} videos", facts.instances);
    settings.choose("schedule", "epochs", epochs, why, &mut notes);

    // A longer queue would hold a video's own keys of the last epoch as negatives.
    let queue = (facts.instances / 2).clamp(1, 4096) as i64;
    let why = format!("at most half of {} videos", facts.instances);
    settings.choose("method", "queue", queue, why, &mut notes);
    notes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use selfsame_core::pretrain::Preset;
    use selfsame_core::settings::Layers;

    use super::*;
    use crate::method::METHODS;
    use crate::settings::defaults;

    #[test]
    fn what_the_result_depends_on_is_chosen_and_said_and_what_was_set_stays() {
        let layers = Layers::new(defaults(&METHODS[0], Preset::Small).unwrap());
        let mut settings = layers.set("view.image_size=48").unwrap().resolve();
        let notes = resolve_auto(&mut settings, &Facts { instances: 300, cpu: true });
        assert_eq!(settings.integer("view", "image_size"), Some(48));
        assert_eq!(settings.integer("method", "queue"), Some(150));
        assert_eq!(settings.integer("schedule", "epochs"), Some(20));
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(notes[0].contains("backbone.width = 0.25 (which a CPU trains"), "{notes:?}");
    }
}
