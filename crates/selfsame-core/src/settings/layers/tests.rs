use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::*;
use crate::settings::{Auto, closest};

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Name {
    Sgd,
    Lars,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Optimizer {
    name: Name,
    lr: Auto<f64>,
    momentum: f64,
    milestones: Vec<f64>,
    nesterov: bool,
}

fn defaults() -> Table {
    toml::from_str(
        r#"
        [data]
        path = "photos"
        batch_size = 256
        [data.jitter]
        hue = 0.1
        [method]
        temperature = 0.5
        [optimizer]
        name = "sgd"
        lr = "auto"
        momentum = 0.9
        milestones = [0.6, 0.8]
        nesterov = false
        "#,
    )
    .unwrap()
}

fn layers() -> Layers {
    Layers::new(defaults())
}

fn write(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn message(result: Result<Layers>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

fn message_of_file(text: &str) -> String {
    let (folder, path) = write(text);
    message(layers().file(path)).replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn later_layers_win_and_origins_are_known() {
    let (_folder, path) =
        write("[optimizer]\nlr = 0.1\nmomentum = 0.8\n\n[data]\nbatch_size = 32\njitter.hue = 0.2\n");
    let variables = environment(&[
        ("SELFSAME_OPTIMIZER_LR", "0.2"),
        ("SELFSAME_DATA_BATCH_SIZE", "64"),
        ("SELFSAME_DATA_JITTER_HUE", "0.3"),
        ("SELFSAME_LOG", "debug"),
        ("HOME", "here"),
    ]);
    let resolved = layers()
        .file(&path)
        .unwrap()
        .environment(variables)
        .unwrap()
        .flag("data.batch_size", 128, "--batch-size")
        .unwrap()
        .set("optimizer.lr=0.4")
        .unwrap()
        .resolve();
    let explained: Vec<String> = resolved
        .explain()
        .into_iter()
        .map(|line| format!("{} = {} ({})", line.key, line.value, line.origin))
        .collect();
    assert_eq!(
        explained,
        [
            "data.path = \"photos\" (default)".to_owned(),
            "data.batch_size = 128 (--batch-size)".to_owned(),
            "data.jitter.hue = 0.3 (SELFSAME_DATA_JITTER_HUE)".to_owned(),
            "method.temperature = 0.5 (default)".to_owned(),
            "optimizer.name = \"sgd\" (default)".to_owned(),
            "optimizer.lr = 0.4 (--set)".to_owned(),
            format!("optimizer.momentum = 0.8 ({}:3)", path.display()),
            "optimizer.milestones = [0.6, 0.8] (default)".to_owned(),
            "optimizer.nesterov = false (default)".to_owned(),
        ]
    );
}

#[test]
fn sections_become_structs() {
    let resolved =
        layers().set("optimizer.name=lars").unwrap().set("optimizer.milestones=[1, 2]").unwrap().resolve();
    let optimizer: Optimizer = resolved.section("optimizer").unwrap();
    let expected = Optimizer {
        name: Name::Lars,
        lr: Auto::Auto,
        momentum: 0.9,
        milestones: vec![1.0, 2.0],
        nesterov: false,
    };
    assert_eq!(optimizer, expected);
    // What a run writes can be read back as a config file.
    let (_folder, path) = write(&toml::to_string(resolved.table()).unwrap());
    assert_eq!(layers().file(path).unwrap().resolve().table(), resolved.table());
}

#[test]
fn text_needs_no_quotes_where_text_is_expected() {
    let resolved = layers().set("data.path=2024").unwrap().resolve();
    assert_eq!(schema::get(resolved.table(), "data.path").unwrap().as_str(), Some("2024"));
    let resolved = layers().set("data.path = \"a b\"").unwrap().resolve();
    assert_eq!(schema::get(resolved.table(), "data.path").unwrap().as_str(), Some("a b"));
    let resolved = layers().set("data.path=a=b\nc = 3").unwrap().resolve();
    assert_eq!(schema::get(resolved.table(), "data.path").unwrap().as_str(), Some("a=b\nc = 3"));
}

#[test]
fn integers_are_numbers_and_auto_may_be_replaced_and_restored() {
    let resolved = layers().set("optimizer.momentum=1").unwrap().set("optimizer.lr=1").unwrap();
    let optimizer: Optimizer = resolved.clone().resolve().section("optimizer").unwrap();
    assert_eq!((optimizer.momentum, optimizer.lr), (1.0, Auto::Value(1.0)));
    let optimizer: Optimizer =
        resolved.set("optimizer.lr=auto").unwrap().resolve().section("optimizer").unwrap();
    assert_eq!(optimizer.lr, Auto::Auto);
}

#[test]
fn what_is_left_to_selfsame_can_be_filled_in() {
    let mut resolved = layers().resolve();
    assert!(resolved.is_auto("optimizer", "lr") && !resolved.is_auto("optimizer", "name"));
    let mut notes = Vec::new();
    resolved.choose("optimizer", "lr", 0.25, "a batch of 256", &mut notes);
    resolved.choose("optimizer", "name", "adam", "it is not left to selfsame", &mut notes);
    assert_eq!(notes, ["optimizer.lr = 0.25 (a batch of 256)"]);
    assert_eq!(resolved.text("optimizer.name"), "sgd");
    assert!(!resolved.is_auto("optimizer", "lr"));
    assert_eq!(resolved.origin("optimizer.lr"), Origin::Auto);
    assert_eq!(resolved.section::<Optimizer>("optimizer").unwrap().lr.or(1.0), 0.25);
    assert_eq!(resolved.integer("data", "batch_size"), Some(256));
    assert_eq!(resolved.integer("data", "path"), None);
}

#[test]
fn names_of_all_kinds_are_suggested() {
    let names = ["simclr", "simsiam", "byol"];
    assert_eq!(closest("simclar", names), Some("simclr"));
    assert_eq!(closest("SimCLR", names), Some("simclr"));
    assert_eq!(closest("boyl", names), Some("byol"));
    assert_eq!(closest("moco", names), None);
}

#[test]
fn unknown_keys_name_their_origin_and_a_suggestion() {
    assert_eq!(
        message(layers().set("optimizer.momentun=0.3")),
        "unknown setting `optimizer.momentun` (--set)\n  help: did you mean `optimizer.momentum`?"
    );
    assert_eq!(
        message(layers().set("optimizer.temperature=0.3")),
        "unknown setting `optimizer.temperature` (--set)\n  help: did you mean `method.temperature`?"
    );
    assert_eq!(
        message(layers().set("lr=0.3")),
        "unknown setting `lr` (--set)\n  help: did you mean `optimizer.lr`?"
    );
    assert_eq!(
        message(layers().set("optimizer.learning_rate=0.3")),
        "unknown setting `optimizer.learning_rate` (--set)\n  help: the settings of [optimizer] are name, lr, \
         momentum, milestones, nesterov"
    );
    assert_eq!(
        message(layers().set("weather.rain=1")),
        "unknown setting `weather.rain` (--set)\n  help: the sections are data, method, optimizer"
    );
    assert_eq!(
        message(layers().environment(environment(&[("SELFSAME_OPTIMISER_LR", "1")]))),
        "unknown setting `optimiser.lr` (SELFSAME_OPTIMISER_LR)\n  help: did you mean `optimizer.lr`?"
    );
    assert_eq!(
        message(layers().flag("data.batch", 3, "--batch-size")),
        "unknown setting `data.batch` (--batch-size)\n  help: the settings of [data] are path, batch_size, jitter"
    );
    assert_eq!(
        message_of_file("# mine\n[optimizer]\nlr = 0.1\nnestrov = true\n"),
        "unknown setting `optimizer.nestrov` (x.toml:4)\n  help: did you mean `optimizer.nesterov`?"
    );
    assert_eq!(
        message_of_file("[optimiser]\nlr = 0.1\n"),
        "unknown setting `optimiser` (x.toml:1)\n  help: did you mean `[optimizer]`?"
    );
}

#[test]
fn wrong_types_say_what_is_expected_and_what_was_given() {
    assert_eq!(
        message(layers().set("optimizer.momentum=high")),
        "optimizer.momentum: expected a number, got the string \"high\" (--set)\n  help: the default is \
         optimizer.momentum = 0.9"
    );
    assert_eq!(
        message(layers().set("data.batch_size=1.5")),
        "data.batch_size: expected an integer, got the number 1.5 (--set)\n  help: the default is \
         data.batch_size = 256"
    );
    assert_eq!(
        message(layers().environment(environment(&[("SELFSAME_OPTIMIZER_NESTEROV", "yes")]))),
        "optimizer.nesterov: expected true or false, got the string \"yes\" (SELFSAME_OPTIMIZER_NESTEROV)\n  help: \
         the default is optimizer.nesterov = false"
    );
    assert_eq!(
        message_of_file("[optimizer]\nmilestones = [0.1, \"x\"]\n"),
        "optimizer.milestones[1]: expected a number, got the string \"x\" (x.toml:2)\n  help: the default is \
         optimizer.milestones[1] = 0.6"
    );
    assert_eq!(
        message_of_file("[data]\npath = 3\n"),
        "data.path: expected a string, got 3 (x.toml:2)\n  help: the default is data.path = \"photos\""
    );
    assert_eq!(
        message_of_file("[optimizer.lr]\nvalue = 3\n"),
        "optimizer.lr: expected a string, got a table (x.toml:1)\n  help: the default is optimizer.lr = \"auto\""
    );
    assert_eq!(
        message_of_file("optimizer = 3\n"),
        "`optimizer` is a section, not a setting (x.toml:1)\n  help: its settings are optimizer.name, optimizer.lr, \
         optimizer.momentum, optimizer.milestones, optimizer.nesterov"
    );
}

#[test]
fn what_only_the_config_struct_knows_is_an_error_with_the_origin() {
    let error = |assignment: &str| {
        let resolved = layers().set(assignment).unwrap().resolve();
        resolved.section::<Optimizer>("optimizer").unwrap_err().to_string()
    };
    let unknown = error("optimizer.name=adagrad");
    assert!(
        unknown.starts_with(
            "optimizer.name = \"adagrad\" (--set): unknown variant `adagrad`, expected `sgd` or `lars`"
        ),
        "{unknown}"
    );
    let wrong = error("optimizer.lr=fast");
    assert!(
        wrong.starts_with(
            "optimizer.lr = \"fast\" (--set): invalid type: string \"fast\", expected f64 or \"auto\""
        ),
        "{wrong}"
    );
    let rejected = layers().set("method.temperature=-1").unwrap().resolve().reject(
        "method.temperature",
        "a temperature is above 0",
        "try 0.5",
    );
    assert_eq!(
        rejected.to_string(),
        "method.temperature = -1.0 (--set): a temperature is above 0\n  help: try 0.5"
    );
}

#[test]
fn broken_sources_are_explained() {
    assert_eq!(
        message(layers().set("optimizer.lr")),
        "--set optimizer.lr: a key and a value are needed\n  help: write --set KEY=VALUE, for example --set \
         optimizer.lr=0.3"
    );
    let broken = message_of_file("[optimizer]\nlr = = 3\n");
    assert!(broken.starts_with("x.toml:2: not valid TOML: "), "{broken}");
    let missing = message(layers().file("nowhere.toml"));
    assert!(missing.starts_with("cannot read the config file nowhere.toml: "), "{missing}");
}

#[cfg(unix)]
#[test]
fn variables_that_are_not_text_are_explained() {
    use std::os::unix::ffi::OsStringExt;
    let value = OsString::from_vec(vec![0xff, 0xfe]);
    assert_eq!(
        message(layers().environment([("SELFSAME_DATA_PATH".into(), value)])),
        "data.path: the value of SELFSAME_DATA_PATH is not UTF-8\n  help: use plain text"
    );
}
