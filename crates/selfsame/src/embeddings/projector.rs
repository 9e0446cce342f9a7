//! A folder for the embedding projector: `tensorboard --logdir FOLDER`, or served beside the standalone projector.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};
use selfsame_core::{Error, Result};
use serde_json::json;

use super::output::{Output, refuse_existing};
use super::sprite::Sprite;
use super::{Block, Schema, Sink};

const SPRITE: &str = "sprite.png";

/// `tensors.tsv`, `metadata.tsv`, `sprite.png` if there are pictures, `projector_config.pbtxt` (TensorBoard) and
/// `config.json` (standalone).
pub struct Projector {
    folder: PathBuf,
    tensors: Output,
    metadata: Output,
    plugin: Output,
    standalone: Output,
    sprite: Sprite,
    schema: Schema,
    instances: usize,
}

impl Projector {
    pub fn create(folder: &Path, schema: Schema, overwrite: bool) -> Result<Self> {
        // Without a `/` at its end, with which a file would seem not to exist.
        let folder: PathBuf = folder.components().collect();
        if folder.exists() && !folder.is_dir() {
            let help = "choose another name: the projector reads a folder";
            return Err(Error::config(format!("{} is a file", folder.display()), help));
        }
        refuse_existing(&folder.join(SPRITE), overwrite)?;
        let mut metadata = Output::create(&folder.join("metadata.tsv"), overwrite)?;
        // The projector takes a single column's head for an instance.
        if !schema.classes.is_empty() {
            metadata.put(b"name\tlabel\n")?;
        }
        Ok(Self {
            tensors: Output::create(&folder.join("tensors.tsv"), overwrite)?,
            metadata,
            plugin: Output::create(&folder.join("projector_config.pbtxt"), overwrite)?,
            standalone: Output::create(&folder.join("config.json"), overwrite)?,
            folder,
            sprite: Sprite::default(),
            schema,
            instances: 0,
        })
    }

    fn write_sprite(&self) -> Result<Option<PathBuf>> {
        let path = self.folder.join(SPRITE);
        // A sheet that lacks pictures would show wrong ones.
        let sheet = self.sprite.sheet().filter(|_| self.sprite.len() == self.instances);
        let Some(sheet) = sheet else {
            // One of an earlier writing would show other instances.
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, error)),
                _ => Ok(None),
            };
        };
        let mut output = Output::create(&path, true)?;
        let written = PngEncoder::new(&mut output).write_image(
            sheet.as_raw(),
            sheet.width(),
            sheet.height(),
            ExtendedColorType::Rgb8,
        );
        match written {
            Ok(()) => output.commit().map(Some),
            Err(ImageError::IoError(source)) => Err(output.error(source)),
            Err(error) => Err(output.error(std::io::Error::other(error))),
        }
    }

    fn plugin_config(&self, sprite: bool) -> String {
        let cell = self.sprite.cell;
        let sprite = match sprite {
            true => format!(
                "  sprite {{\n    image_path: \"{SPRITE}\"\n    single_image_dim: {cell}\n    single_image_dim: {cell}\n  }}\n"
            ),
            false => String::new(),
        };
        format!(
            "embeddings {{\n  tensor_name: \"embeddings\"\n  tensor_shape: {}\n  tensor_shape: {}\n  \
             tensor_path: \"tensors.tsv\"\n  metadata_path: \"metadata.tsv\"\n{sprite}}}\n",
            self.instances, self.schema.dimension,
        )
    }

    fn standalone_config(&self, sprite: bool) -> String {
        let mut embedding = json!({
            "tensorName": "embeddings",
            "tensorShape": [self.instances, self.schema.dimension],
            "tensorPath": "tensors.tsv",
            "metadataPath": "metadata.tsv",
        });
        if sprite {
            embedding["sprite"] =
                json!({"imagePath": SPRITE, "singleImageDim": [self.sprite.cell, self.sprite.cell]});
        }
        format!(
            "{:#}\n",
            json!({"embeddings": [embedding], "selfsame": self.schema.description(self.instances)})
        )
    }
}

impl Sink for Projector {
    fn push(&mut self, block: &Block<'_>) -> Result<()> {
        let rows = block.values.chunks_exact(self.schema.dimension);
        let mut line = String::new();
        for ((name, &label), row) in block.names.iter().zip(block.labels).zip(rows) {
            line.clear();
            for (column, value) in row.iter().enumerate() {
                // Writing into a string cannot fail.
                let _ = write!(line, "{}{value}", if column == 0 { "" } else { "\t" });
            }
            line.push('\n');
            self.tensors.put(line.as_bytes())?;

            line.clear();
            push_cell(&mut line, name);
            if !self.schema.classes.is_empty() {
                line.push('\t');
                push_cell(&mut line, self.schema.class(label).unwrap_or_default());
            }
            line.push('\n');
            self.metadata.put(line.as_bytes())?;
        }
        for picture in block.thumbnails.unwrap_or_default() {
            self.sprite.push(picture);
        }
        self.instances += block.names.len();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<PathBuf>> {
        let sprite = self.write_sprite()?;
        let (plugin, standalone) =
            (self.plugin_config(sprite.is_some()), self.standalone_config(sprite.is_some()));
        self.plugin.put(plugin.as_bytes())?;
        self.standalone.put(standalone.as_bytes())?;
        let mut files = vec![self.tensors.commit()?, self.metadata.commit()?];
        files.extend(sprite);
        files.extend([self.plugin.commit()?, self.standalone.commit()?]);
        Ok(files)
    }
}

/// Appends a cell. The format has no quotes, so what would end the cell becomes a space.
fn push_cell(line: &mut String, cell: &str) {
    line.extend(cell.chars().map(|c| if matches!(c, '\t' | '\n' | '\r') { ' ' } else { c }));
}
