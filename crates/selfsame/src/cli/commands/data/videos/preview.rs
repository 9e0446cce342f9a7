//! `selfsame data preview` of videos

use std::process::ExitCode;
use std::sync::Arc;

use selfsame_core::atomic_file::make_folder_of;
use selfsame_core::pretrain::Preset;
use selfsame_core::settings::Layers;
use selfsame_core::{Error, Random, Result};
use selfsame_image::view::preview::contact_sheet;
use selfsame_video::method::by_name;
use selfsame_video::preview::Preview;
use selfsame_video::settings::defaults;
use serde_json::{Value, json};

use super::open;
use crate::cli::args;
use crate::cli::output::{print, refuse_picture};

/// The method unless told otherwise.
const METHOD: &str = "video-moco";

/// Draws clips, their motion, and below them the views that a method has of them.
pub fn run(args: &args::Data) -> Result<ExitCode> {
    let args::Data::Preview {
        path,
        output_file,
        recipe,
        method,
        image_size,
        instances,
        views,
        frames,
        stride,
        seed,
        overwrite,
        output,
        ..
    } = args
    else {
        return Err(Error::Internal("not a preview".into()));
    };
    refuse_picture(output_file, "png", *overwrite)?;
    if views.is_some() {
        return Err(Error::config(
            "--views counts views of pictures",
            "a video has as many as its method needs: --method; a clip has --frames",
        ));
    }
    if *frames == 0 || *stride == 0 || *image_size == 0 {
        return Err(Error::config(
            "a clip needs frames of some size, a stride apart",
            "give 1 or more for --frames, --stride and --image-size",
        ));
    }
    let method = method.as_deref().unwrap_or(METHOD);
    let mut layers = Layers::new(defaults(by_name(method)?, Preset::Small)?);
    for (key, value, flag) in [
        ("view.image_size", image_size, "--image-size"),
        ("view.frames", frames, "--frames"),
        ("view.stride", stride, "--stride"),
    ] {
        layers = layers.typed(key, &value.to_string(), flag)?;
    }
    if let Some(recipe) = recipe {
        layers = layers.typed("view.recipe", recipe, "--recipe")?;
    }
    let folder = Arc::new(open(path, output.quiet)?);
    let preview = Preview::new(folder.clone(), &layers.resolve(), *seed)?;
    let (mut sheet, mut shown, mut failed) = (Vec::new(), Vec::<Value>::new(), None);
    for index in Random::new(*seed).named("preview").permutation(folder.len()) {
        if shown.len() == instances.get() {
            break;
        }
        let name = &folder.video(index)?.name;
        match preview.rows(index) {
            Ok(rows) => {
                let names: Vec<String> = rows.iter().map(|(row, _)| row.to_string()).collect();
                shown.push(json!({ "name": name, "rows": names }));
                sheet.extend(rows.into_iter().filter_map(|(_, pictures)| {
                    let mut pictures = pictures.into_iter();
                    Some((pictures.next()?, pictures.collect()))
                }));
            }
            // What cannot be decoded is left out here; `data check` reports it.
            Err(reason) => failed = failed.or(Some(format!("{name}: {reason}"))),
        }
    }
    if shown.is_empty() {
        let reason = failed.map_or_else(String::new, |failed| format!(", such as {failed}"));
        let what = format!("no video can be shown as `{method}` sees it{reason}");
        return Err(Error::data(path, what, "`selfsame data check` says more about each"));
    }
    make_folder_of(output_file)?;
    contact_sheet(&sheet, *image_size).save_png(output_file)?;
    match output.json {
        true => print(json!({
            "file": output_file,
            "method": method,
            "instances": shown.len(),
            "frames": frames,
            "stride": stride,
            "videos": shown,
        }))?,
        false => print(summary(&shown, method) + &format!(": {}", output_file.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What the sheet shows, in words.
fn summary(shown: &[Value], method: &str) -> String {
    let names = |video: &Value| -> Vec<String> {
        let rows = video["rows"].as_array().into_iter().flatten();
        rows.filter_map(|row| row.as_str().map(str::to_owned)).collect()
    };
    let rows = shown.iter().map(names).max_by_key(Vec::len).unwrap_or_default();
    format!("{} videos as `{method}` sees them, each from above {}", shown.len(), rows.join(", "))
}
