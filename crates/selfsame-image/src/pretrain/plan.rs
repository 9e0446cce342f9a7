//! What a training is about to do, for people.

use burn::module::Module;

use super::Prepared;

impl Prepared {
    /// What is about to be done, as names and values.
    pub fn plan(&self) -> Vec<(&'static str, String)> {
        let effective = self.run.batch_size * self.optimizer.accumulate;
        let backbone = |key| self.settings.get("backbone", key).map_or_else(String::new, ToString::to_string);
        vec![
            ("method", format!("{} ({})", self.entry.title, self.entry.paper)),
            (
                "data",
                format!(
                    "{}: {} pictures, {} classes",
                    self.dataset.path().display(),
                    self.dataset.len(),
                    self.dataset.classes().len()
                ),
            ),
            (
                "backbone",
                format!(
                    "{} of width {}, {} stem, {:.2} M parameters",
                    self.settings.text("backbone.name"),
                    backbone("width"),
                    self.settings.text("backbone.stem"),
                    self.method.backbone().num_params() as f64 / 1e6
                ),
            ),
            (
                "epochs",
                format!("{} of {} steps, batch {effective}", self.schedule.epochs, self.steps_per_epoch),
            ),
            (
                "learning rate",
                format!(
                    "{:.4} ({} from {})",
                    self.optimizer.scaled_lr(effective),
                    self.settings.text("optimizer.lr_scaling"),
                    self.optimizer.lr
                ),
            ),
            ("device", self.run.device.clone()),
        ]
    }
}
