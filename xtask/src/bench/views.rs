//! Pairs of views out of JPEG files, with one thread or process a core.

use super::{Case, Options, Ratio, Row};
use crate::Failure;

/// Views of 32 pixels beside lightly, of 224 beside torchvision.
pub fn views(options: &Options) -> Result<Vec<Ratio>, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut cases = vec![(&options.data, "32", "simclr-cifar", "lightly_views.py")];
    cases.extend(options.photos.as_ref().map(|photos| (photos, "224", "simclr", "torchvision_views.py")));
    let mut ratios = Vec::new();
    for (folder, side, recipe, script) in cases {
        let rows = [Row::rate(format!("{side} pixels, recipe {recipe}, {cores} threads"))];
        let case = Case { title: "views", unit: "pictures a second, two views each", rows: &rows };
        let folder = folder.to_string_lossy();
        let arguments = [folder.as_ref(), side, recipe, &cores];
        ratios.extend(options.compare_example("view_throughput", script, &arguments, case)?);
    }
    Ok(ratios)
}
